"""Map matrix products with AccelForge on the machine of accelforge.toml; print one JSON line each.

Usage: python run_accelforge.py PRODUCTS.json

A product has M, K and N, an array of `fanout` elements along two axes, and sizes of the buffer and
the registers in bytes. Every memory keeps every tensor; tiles and the use of the array are free.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import accelforge
from accelforge.mapper.FFM.mappings import Mappings

Mappings.render = lambda self, **options: ""  # draws each result, with a program of Graphviz

ENERGIES = {"dram": 200, "buffer": 6, "registers": 1}
"""Picojoules a byte, those of accelforge.toml."""


def memory(name: str, size: str) -> str:
    joules = ENERGIES[name] / 8 * 1e-12
    actions = "\n".join(
        f"    - {{name: {kind}, energy: {joules}, throughput: inf}}" for kind in ("read", "write")
    )
    return (
        f"  - !Memory\n    name: {name}\n    size: {size}\n    leak_power: 0\n    area: 0\n"
        f"    tensors: {{keep: All}}\n    actions:\n{actions}\n"
    )


def describe(item: dict[str, int]) -> str:
    sides = "\n".join(f"    - {{name: {side}, fanout: {item['fanout']}}}" for side in ("X", "Y"))
    shape = "\n".join(f"    {rank}: 0 <= {rank} < {item[rank.upper()]}" for rank in ("m", "k", "n"))
    return (
        "arch:\n  nodes:\n" + memory("dram", "inf") + memory("buffer", str(8 * item["buffer"]))
        + f"  - !Container\n    name: elements\n    spatial:\n{sides}\n"
        + memory("registers", str(8 * item["registers"]))
        + "  - !Compute\n    name: mac\n    leak_power: 0\n    area: 0\n    actions:\n"
        "    - {name: compute, energy: 1e-12, throughput: 1e9}\n"
        f"workload:\n  iteration_space_shape:\n{shape}\n  bits_per_value: {{All: 8}}\n"
        "  einsums:\n  - name: product\n    tensor_accesses:\n"
        "    - {name: A, projection: [m, k]}\n    - {name: B, projection: [k, n]}\n"
        "    - {name: Z, projection: [m, n], output: True}\n"
        "    renames: {weight: B, input: A, output: Z}\n"
    )  # fmt: skip


def main(path: str) -> None:
    for item in json.loads(Path(path).read_text()):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "spec.yaml"
            file.write_text(describe(item))
            spec = accelforge.Spec.from_yaml(str(file))
            spec.mapper.metrics = accelforge.Metrics.ENERGY
            started = time.perf_counter()
            found = spec.map_workload_to_arch()
            row = {"joules": float(found.energy()), "wall_s": time.perf_counter() - started}
        sys.stdout.write("\n" + json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
