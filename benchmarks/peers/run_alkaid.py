"""Generate alkaid's Verilog of networks given as JSON and print one JSON line each.

Usage: python run_alkaid.py NETWORKS.json
"""

import sys

import distributed
import numpy as np
from alkaid.codegen.rtl import RTLModel
from alkaid.trace import FVArrayInput, to_pipeline, trace
from alkaid.trace.fixed_variable import LookupTable


def entering(elements):
    return FVArrayInput(elements)


def lookup(table, element, interval):
    if np.all(table == table[0]):
        return element * 0.0 + table[0]
    return LookupTable(table).lookup(element, interval)


def write(source, result, item):
    pipeline = to_pipeline(
        trace(source, result),
        latency_cutoff=item["cutoff"],
        verbose=False,
        reg_inp=False,
        reg_out=False,
    )
    model = RTLModel(pipeline, item["folder"], item["name"], ternary_fuse=item["ternary"])
    model.write()
    (taken,), (given,) = pipeline.inp_signals, pipeline.out_signals
    return {
        "latency": model.latency,
        "inputs": distributed.packed(taken.precisions),
        "outputs": distributed.packed(given.precisions),
    }


if __name__ == "__main__":
    distributed.main(sys.argv[1], sys.modules[__name__])
