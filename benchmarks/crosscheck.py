"""Put our figures beside those of other tools, for the same layers on the same machines.

SCALE-Sim, nn-dataflow and ZigZag run here, each in an environment of its own; AccelForge needs
another Python, so its figures are frozen. Every difference above 5 % names the modelling assumption
that is blamed, and both sides are counted again with that assumption changed: if they still differ
by more, it is not explained, which is an error.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from benchmarks import peers
from netwright import arch, cost
from netwright.cost.systolic import Shape, matrix_product, row_stationary
from netwright.mapping import Keep, Loop, LoopNest, Operation, operation
from netwright.workload import Builder

LIMIT = 0.05

PRODUCTS = ((3136, 576, 64), (784, 256, 256), (196, 9, 1))

ROW_STATIONARY = (
    ("AlexNet conv1, half", Shape(3, 48, (11, 11), (55, 55), batch=16), (16, 16)),
    ("AlexNet conv3, half", Shape(256, 192, (3, 3), (13, 13), batch=16), (16, 16)),
    ("MobileNet 3x3, 32 to 64, 56", Shape(32, 64, (3, 3), (56, 56)), (64, 64)),
    ("ResNet 1x1, 256 to 64, 56", Shape(256, 64, (1, 1), (56, 56)), (64, 64)),
)

ZIGZAG = (
    ("7x7 stem", {"K": 64, "C": 3, "OY": 112, "OX": 112, "FY": 7, "FX": 7, "stride": 2}),
    ("3x3, 64 to 64, 56", {"K": 64, "C": 64, "OY": 56, "OX": 56, "FY": 3, "FX": 3}),
    ("1x1, 256 to 64, 56", {"K": 64, "C": 256, "OY": 56, "OX": 56, "FY": 1, "FX": 1}),
    ("3x3, 512 to 512, 7", {"K": 512, "C": 512, "OY": 7, "OX": 7, "FY": 3, "FX": 3}),
)

ACCELFORGE = {
    "energy": 1.02015e-3,
    "dram read": 1_843_200,
    "dram write": 200_704,
    "buffer read": 3_039_232,
    "buffer write": 2_043_904,
    "registers read": 346_816_512,
    "registers write": 118_444_032,
}
"""AccelForge 1.0.467, least energy, product of 3136 x 576 by 576 x 64, int8; bytes moved."""

INPUT, WEIGHT, OUTPUT = "input0", "linear0.weight", "linear0.out"
"""Tensors of the product."""

THEIR_NEST = LoopNest(
    (
        Loop("B0", 112), Loop("B0", 7, "elements", 0), Loop("M", 4, "elements", 1), Loop("B1", 1),
        Loop("B0", 1), Loop("M", 1),
    ),
    (
        *(Keep("dram", name, 0) for name in (INPUT, WEIGHT, OUTPUT)), Keep("buffer", WEIGHT, 0),
        Keep("buffer", INPUT, 1), Keep("buffer", OUTPUT, 1), Keep("registers", OUTPUT, 3),
        Keep("registers", INPUT, 4), Keep("registers", WEIGHT, 4),
    ),
)  # fmt: skip
"""The mapping that AccelForge's counts belong to, read off from them."""

FIRST_LOAD = "it loads the first input tile, here the whole input, before the first step"
MEMORY_BOUND = "the memory decides the time; another use of the array takes less energy"
PORTS = "its ports move at least 64 bits at a time; three input channels fill 24"
MULTICAST = (
    "it counts a multicast into registers as one write, we count one at every copy; so another "
    "mapping is best there"
)


class Check(NamedTuple):
    """The same two figures after the one assumption that is blamed was changed."""

    ours: float
    peer: float

    @property
    def difference(self) -> float:
        return self.ours / self.peer - 1


class Row(NamedTuple):
    what: str
    quantity: str
    ours: float
    peer: float
    why: str = ""
    check: Check | None = None

    @property
    def difference(self) -> float:
        return self.ours / self.peer - 1

    @property
    def is_explained(self) -> bool:
        """Whether the figures agree, or do once the assumption that is blamed is changed."""
        checked = self.check is not None and abs(self.check.difference) <= LIMIT
        return abs(self.difference) <= LIMIT or checked

    @property
    def verdict(self) -> str:
        if abs(self.difference) <= LIMIT:
            return ""
        if self.check is None:
            return "UNEXPLAINED"
        after = f"with that changed: {self.check.difference:+.2%}"
        return f"{self.why}; {after}" if self.is_explained else f"UNEXPLAINED; {after}: {self.why}"


def convolution(layer: dict[str, int]) -> Operation:
    stride = layer.get("stride", 1)
    b = Builder("layer")
    extents = tuple(layer[key] * stride for key in ("OY", "OX"))
    b.conv(
        b.input((1, layer["C"], *extents)), layer["K"], (layer["FY"], layer["FX"]), stride=stride
    )
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def scalesim() -> list[Row]:
    array = {"height": 32, "width": 32}
    items = [{"M": m, "K": k, "N": n, "array": array} for m, k, n in PRODUCTS]
    rows = []
    for product, found in zip(PRODUCTS, peers.run("scalesim", items), strict=True):
        for flow, key in (("weight", "ws"), ("output", "os")):
            ours = matrix_product(*product, (32, 32), flow) - 1  # it numbers the last one from 0
            name = " x ".join(map(str, product))
            rows.append(Row(f"{name}, {flow} stationary", "last cycle", ours, found[key]))
    return rows


def nn_dataflow() -> list[Row]:
    items = [
        {"C": s.channels, "K": s.features, "OY": s.output[0], "OX": s.output[1],
         "FY": s.window[0], "FX": s.window[1], "batch": s.batch, "array": list(array)}
        for _, s, array in ROW_STATIONARY
    ]  # fmt: skip
    found = peers.run("nn_dataflow", items)
    return [
        Row(name, "cycles", row_stationary(shape, array).cycles, peer["cycles"])
        for (name, shape, array), peer in zip(ROW_STATIONARY, found, strict=True)
    ]


def zigzag() -> list[Row]:
    rows = []
    machine = arch.find("tpu")
    layers = [layer for _, layer in ZIGZAG]
    narrow = peers.run("zigzag", layers, "EDP", "6", "8")
    for (name, layer), peer, fine in zip(
        ZIGZAG, peers.run("zigzag", layers, "EDP", "6"), narrow, strict=True
    ):
        op = convolution(layer)
        mapped = cost.search(op, machine, goal="edp")
        cycles, joules = mapped.estimate.seconds * 1e9, mapped.estimate.joules
        assert machine.root.bandwidth is not None
        first = op.tensors[op.of("input")].num_bytes / machine.root.bandwidth.value * 1e9
        loaded = Check(max(mapped.counts.num_steps + first, cycles), peer["cycles"])
        ports = Check(joules, fine["joules"])
        both = Check(loaded.ours * ports.ours, loaded.peer * ports.peer)
        steps = mapped.counts.num_steps
        fewest = cost.search(op, machine, goal="edp", max_spreads=1).counts.num_steps
        full = Check(fewest, peer["compute_cycles"])
        rows.append(Row(name, "compute steps", steps, peer["compute_cycles"], MEMORY_BOUND, full))
        rows.append(Row(name, "cycles", cycles, peer["cycles"], FIRST_LOAD, loaded))
        rows.append(Row(name, "joules", joules, peer["joules"], PORTS, ports))
        edp = cycles * 1e-9 * joules, peer["cycles"] * 1e-9 * peer["joules"]
        rows.append(Row(name, "joule seconds", *edp, "first input tile and ports as above", both))
    return rows


def multicast_once(counted: cost.Counts, memory: str, kind: str) -> float:
    """Bytes at a memory if a multicast counts once where it arrives, not at all 16 copies."""
    arrives = (memory, kind) == ("registers", "write")
    copies = {INPUT: 16 if arrives else 1, WEIGHT: 16 if arrives else 1, OUTPUT: 1}
    return sum(counted.amount(memory, kind, name) / 8 / copies[name] for name in copies)


def accelforge() -> list[Row]:
    b = Builder("product")
    b.linear(b.input((3136, 576)), 64)
    workload = b.finish()
    op = operation(workload, workload.einsums[0])
    machine = arch.load(Path(__file__).parent / "peers" / "accelforge.toml")
    found = cost.search(op, machine, goal="energy")
    theirs = cost.count(op, machine, THEIR_NEST)
    rows = [Row("product, least energy", "joules", found.estimate.joules, ACCELFORGE["energy"])]
    for name, peer in list(ACCELFORGE.items())[1:]:
        memory, kind = name.split()
        ours = found.counts.amount(memory, kind) / 8
        check = Check(multicast_once(theirs, memory, kind), peer)
        rows.append(Row("product, least energy", f"{name}, bytes", ours, peer, MULTICAST, check))
    return rows


FREE_PRODUCTS = ((16, 16, 8), (12, 20, 30), (64, 32, 16), (64, 64, 64))
"""Rows, sums and columns of the products that AccelForge searches in the same run."""


def accelforge_now() -> list[Row]:
    """The least energy of small products, found by both in this run; nothing is constrained."""
    machine = arch.load(Path(__file__).parent / "peers" / "accelforge.toml")
    free = machine.with_changes("elements", {"ranks": (), "fanout": (2, 2)})
    found_rows = []
    for rows, sums, columns in FREE_PRODUCTS:
        item: dict[str, object] = {"M": rows, "K": sums, "N": columns, "fanout": 2,
                                   "buffer": 131072, "registers": 512}  # fmt: skip
        (peer,) = peers.run("accelforge", [item])
        b = Builder("product")
        b.linear(b.input((rows, sums)), columns)
        workload = b.finish()
        started = time.perf_counter()
        found = cost.search(operation(workload, workload.einsums[0]), free, goal="energy")
        seconds = time.perf_counter() - started
        name = (
            f"{rows} x {sums} x {columns}, found in {seconds:.1f} s by us, "
            f"in {peer['wall_s']:.0f} s by it"
        )
        found_rows.append(Row(name, "joules", found.estimate.joules, peer["joules"]))
    return found_rows


def main() -> None:
    unexplained, missing = 0, []
    for title, rows_of in (
        ("SCALE-Sim 3.0.0, 32 x 32, without stalls", scalesim),
        ("nn-dataflow 2.1, row stationary", nn_dataflow),
        ("ZigZag 3.9.1, tpu_like, 32 x 32, least EDP", zigzag),
        ("AccelForge 1.0.467 (frozen figures)", accelforge),
        ("AccelForge 1.0.467, least energy, run now", accelforge_now),
    ):
        try:
            rows = rows_of()
        except peers.PeerSkipped as error:
            print(f"skipped: {title}: {error}")
            continue
        except peers.PeerMissing as error:
            missing.append(str(error))
            continue
        table = Table(title=title, title_justify="left")
        for column in ("what", "quantity", "ours", "theirs", "difference", "why, checked"):
            table.add_column(column)
        for row in rows:
            unexplained += not row.is_explained
            table.add_row(row.what, row.quantity, f"{row.ours:.6g}", f"{row.peer:.6g}",
                          f"{row.difference:+.2%}", row.verdict)  # fmt: skip
        Console(width=150).print(table)
    faults = [f"not compared: {reason}" for reason in missing]
    if unexplained:
        faults.append(f"{unexplained} differences above {LIMIT:.0%} are not explained")
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
