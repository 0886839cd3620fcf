"""Time to map ResNet-50 beside ZigZag: the same machine, the same use of its array, least EDP."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from benchmarks import peers
from netwright import arch, cost, workload
from netwright.cost.systolic import shape_of
from netwright.mapping import Operation, is_operation, operation

LIMITS = tuple(sys.argv[1:]) or ("4", "6")
"""Loops that ZigZag orders freely; 6 is its default, fewer is faster."""


def distinct(name: str) -> list[tuple[Operation, int]]:
    """Distinct operations of a network, each with how often it occurs."""
    network = workload.fuse(workload.NETWORKS[name]())
    found: dict[tuple[object, ...], tuple[Operation, int]] = {}
    for einsum in filter(is_operation, network.einsums):
        op = operation(network, einsum)
        first, times = found.get(op.signature, (op, 0))
        found[op.signature] = (first, times + 1)
    return list(found.values())


def layer(op: Operation) -> dict[str, int]:
    shape = shape_of(op)
    steps = [dict(axis.terms) for axis in op.axes[op.of("input")]]
    rows = [rank for rank, meant in op.directions.items() if meant == "P"]
    stride = max((step.get(rank, 1) for step in steps for rank in rows), default=1)
    return {
        "K": shape.features, "C": shape.channels, "OY": shape.output[0], "OX": shape.output[1],
        "FY": shape.window[0], "FX": shape.window[1], "stride": stride,
    }  # fmt: skip


def compulsory_cycles(op: Operation) -> float:
    """Cycles in which the 64-bit port of the outermost memory moves every operand once."""
    it = layer(op)
    skipped = 1 if it["FY"] == 1 else it["stride"] ** 2  # 1x1 windows leave positions out
    outputs = it["OY"] * it["OX"]
    num_bytes = it["C"] * outputs * skipped + it["K"] * outputs
    return (num_bytes + it["K"] * it["C"] * it["FY"] * it["FX"]) / 8


def main() -> None:
    operations = distinct("resnet50")
    machine = arch.find("tpu")
    started, cpu = time.perf_counter(), time.process_time()
    mapped = [cost.search(op, machine, goal="edp") for op, _ in operations]
    ours = (time.perf_counter() - started, time.process_time() - cpu)
    table = Table(title=f"ResNet-50, {len(operations)} distinct layers, tpu_like, least EDP")
    columns = (
        "tool",
        "wall s",
        "CPU s",
        "joules",
        "seconds",
        "layers at least as good",
        "ratio",
        "impossible",
    )
    for column in columns:
        table.add_column(column)
    seconds = sum(m.estimate.seconds * n for m, (_, n) in zip(mapped, operations, strict=True))
    joules = sum(m.estimate.joules * n for m, (_, n) in zip(mapped, operations, strict=True))
    proven = sum(m.is_optimal for m in mapped)
    below = sum(
        m.estimate.seconds * 1e9 < compulsory_cycles(op) * 0.9999
        for m, (op, _) in zip(mapped, operations, strict=True)
    )
    table.add_row("netwright", f"{ours[0]:.2f}", f"{ours[1]:.2f}", f"{joules:.4g}",
                  f"{seconds:.4g}", f"{proven} proven best", "1", str(below))  # fmt: skip
    for limit in LIMITS:
        found = peers.run("zigzag", [layer(op) for op, _ in operations], "EDP", limit)
        cpu_s = sum(row["cpu_s"] for row in found)
        # With the first load and the last store: ours counts all traffic of the outermost memory.
        pairs = list(zip(found, mapped, operations, strict=True))
        times = sum(row["cycles"] * 1e-9 * n for row, _, (_, n) in pairs)
        energy = sum(row["joules"] * n for row, _, (_, n) in pairs)
        good = sum(
            m.estimate.energy_delay <= 1.0001 * row["joules"] * row["cycles"] * 1e-9
            for row, m, _ in pairs
        )
        faster = sum(row["cycles"] < compulsory_cycles(op) * 0.9999 for row, _, (op, _) in pairs)
        table.add_row(f"ZigZag 3.9.1, {limit} loops", f"{sum(r['wall_s'] for r in found):.2f}",
                      f"{cpu_s:.2f}", f"{energy:.4g}", f"{times:.4g}",
                      f"{good} of {len(pairs)} of ours", f"{cpu_s / ours[1]:.1f}",
                      str(faster))  # fmt: skip
    Console(width=140).print(table)
    print(
        "impossible: layers that take fewer cycles than the outermost port needs for every operand"
    )


if __name__ == "__main__":
    try:
        main()
    except peers.PeerMissing as error:
        raise SystemExit(str(error)) from None
