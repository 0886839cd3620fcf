"""A network in the terms of alkaid or da4ml, whose ways of writing one are nearly the same.

It is given as JSON: {"name", "folder", "cutoff", "input": [signed, bits, elements], "nodes": [...]}
and returned as one JSON line that says what the Verilog's ports are.
"""

import json
import time

import numpy as np


def main(path, tool):
    with open(path) as file:
        items = json.load(file)
    for item in items:
        print(json.dumps(generate(item, tool)))


def generate(item, tool):
    start = time.process_time()
    signed, bits, elements = item["input"]
    entering = tool.entering(elements)
    values = {item["entering"]: entering.quantize(signed, bits - signed, 0)}
    for node in item["nodes"]:
        read = [values[name] for name in node["inputs"]]
        values[node["output"]] = STEPS[node["op"]](tool, node, *read)
    made = tool.write(entering, values[item["leaving"]], item)
    return made | {"seconds": time.process_time() - start}


def packed(kifs):
    """Width, sign and lowest bit of every element: signed, integer and fraction bits are given."""
    return [[max(int(k + i + f), 0), int(k), -int(f)] for k, i, f in kifs]


def _matmul(tool, node, value):
    value = value @ np.array(node["weights"], dtype=np.float64)
    return value + np.array(node["bias"], dtype=np.float64) if "bias" in node else value


def _requantize(tool, node, value):
    unit = 2.0 ** -node["shift"]
    multiplier, offset = np.array(node["multiplier"]) * unit, np.array(node["offset"]) * unit
    if np.any(multiplier != 1):
        value = value * multiplier
    if np.any(offset):
        value = value + offset
    signed = int(node["low"] < 0)
    return value.quantize(signed, node["high"].bit_length(), 0, "SAT", node["rounding"])


def _limit(tool, node, value):
    signed = np.array([int(low < 0) for low in node["low"]])
    bits = np.array([high.bit_length() for high in node["high"]])
    return value.quantize(signed, bits, 0, node["overflow"], "TRN")


def _add(tool, node, one, other):
    return one + other


def _lookup(tool, node, value):
    tables = np.array(node["tables"], dtype=np.float64)
    first, last = node["first"], node["first"] + tables.shape[2] - 1
    found = [
        tool.lookup(tables[i, j], value[i], (float(first), float(last), 1.0))
        for i in range(tables.shape[0])
        for j in range(tables.shape[1])
    ]
    return type(value)(np.array(found, dtype=object))


STEPS = {
    "MatMul": _matmul,
    "Requantize": _requantize,
    "Limit": _limit,
    "Add": _add,
    "Lookup": _lookup,
}
