"""Run nn-dataflow's row-stationary mapping on convolutions given as JSON, one JSON line each.

Usage: python run_nn_dataflow.py LAYERS.json
"""

import json
import sys

from nn_dataflow.core import ConvLayer, MapStrategyEyeriss, PhyDim2


def main(path: str) -> None:
    with open(path) as file:
        layers = json.load(file)
    for item in layers:
        layer = ConvLayer(item["C"], item["K"], (item["OY"], item["OX"]), (item["FY"], item["FX"]))
        strategy = MapStrategyEyeriss(layer, item["batch"], 1, PhyDim2(*item["array"]))
        best = None
        for nested in strategy.gen_nested_loop_desc():
            passes = 1
            for count in nested.loopcnt:
                passes *= count
            cycles = nested.unit_time * passes
            best = cycles if best is None else min(best, cycles)
        sys.stdout.write(json.dumps({"cycles": best}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
