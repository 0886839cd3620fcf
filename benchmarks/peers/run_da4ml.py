"""Generate da4ml's Verilog of networks given as JSON and print one JSON line each.

Usage: python run_da4ml.py NETWORKS.json
"""

import contextlib
import sys

import distributed
from da4ml.codegen import RTLModel
from da4ml.trace import FixedVariableArrayInput, comb_trace, to_pipeline
from da4ml.trace.fixed_variable import LookupTable


def entering(elements):
    return FixedVariableArrayInput(elements)


def lookup(table, element, interval):
    return LookupTable(table).lookup(element, interval)


def write(source, result, item):
    logic = comb_trace(source, result)
    with contextlib.redirect_stdout(sys.stderr):
        pipeline = to_pipeline(logic, item["cutoff"])
        RTLModel(pipeline, item["name"], item["folder"]).write()
    return {
        "latency": len(pipeline.solutions) + 1,  # registers in front and behind, too
        "inputs": distributed.packed(zip(*logic.inp_kifs, strict=True)),
        "outputs": distributed.packed(zip(*logic.out_kifs, strict=True)),
    }


if __name__ == "__main__":
    distributed.main(sys.argv[1], sys.modules[__name__])
