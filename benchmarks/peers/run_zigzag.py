"""Run ZigZag on layers given as JSON and print one JSON line each.

Usage: python run_zigzag.py LAYERS.json GOAL LPF_LIMIT [PORT_BITS]

PORT_BITS is the least that a port of any memory moves at a time; the machine's own if not given.
"""

import json
import logging
import os
import sys
import tempfile
import time
import warnings

logging.disable(logging.CRITICAL)
warnings.filterwarnings("ignore")

import yaml  # noqa: E402
import zigzag  # noqa: E402
from zigzag.api import get_hardware_performance_zigzag  # noqa: E402

INPUTS = os.path.join(os.path.dirname(zigzag.__file__), "inputs")
EQUATION = "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]"


def describe(number: int, layer: dict[str, int]) -> dict[str, object]:
    stride = layer.get("stride", 1)
    return {
        "id": number,
        "name": f"layer{number}",
        "operator_type": "Conv",
        "equation": EQUATION,
        "dimension_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
        "loop_dims": ["B", "K", "C", "OY", "OX", "FY", "FX"],
        "loop_sizes": [1, *(layer[key] for key in ("K", "C", "OY", "OX", "FY", "FX"))],
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
        "operand_source": {"I": number, "W": number},
    }


def machine(port_bits: str, folder: str) -> str:
    """File of the machine, with narrower ports if wanted."""
    shipped = os.path.join(INPUTS, "hardware", "tpu_like.yaml")
    if not port_bits:
        return shipped
    with open(shipped) as file:
        hardware = yaml.safe_load(file)
    for memory in hardware["memories"].values():
        for port in memory["ports"]:
            port["bandwidth_min"] = int(port_bits)
    path = os.path.join(folder, "machine.yaml")
    with open(path, "w") as file:
        yaml.safe_dump(hardware, file, sort_keys=False)  # the order is that of the hierarchy
    return path


def main(path: str, goal: str, limit: str, port_bits: str = "") -> None:
    with open(path) as file:
        layers = json.load(file)
    for number, layer in enumerate(layers):
        with tempfile.TemporaryDirectory() as folder:
            workload = os.path.join(folder, "workload.yaml")
            with open(workload, "w") as file:
                yaml.safe_dump([describe(number, layer)], file)
            started, cpu = time.perf_counter(), time.process_time()
            energy, latency, found = get_hardware_performance_zigzag(
                workload,
                machine(port_bits, folder),
                os.path.join(INPUTS, "mapping", "tpu_like.yaml"),
                opt=goal,
                dump_folder=os.path.join(folder, "out"),
                lpf_limit=int(limit),
                loma_show_progress_bar=False,
            )
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        cost = found[0][1][0][0]
        row = {
            "cycles": float(latency),
            "compute_cycles": float(cost.ideal_temporal_cycle),
            "steady_cycles": float(cost.latency_total0),
            "joules": float(energy) * 1e-12,
            "wall_s": wall,
            "cpu_s": cpu,
        }
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
