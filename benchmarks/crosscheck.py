"""Put our figures beside those of other tools, for the same layers on the same machines.

SCALE-Sim, nn-dataflow and ZigZag run here, each in an environment of its own; AccelForge needs
another Python, so its figures are frozen. A difference above 5 % that nobody explains is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from benchmarks import peers
from netwright import arch, cost
from netwright.cost.systolic import Shape, matrix_product, row_stationary
from netwright.mapping import Operation, operation
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

EDGES = (
    "ZigZag adds the first load and the last store of a layer; we count the steady state, in which "
    "they overlap with the neighbors"
)
WORDS = (
    "its ports move at least 64 bits at a time, of which three input channels fill 24; here every "
    "access moves what is needed"
)


class Row(NamedTuple):
    what: str
    quantity: str
    ours: float
    peer: float
    why: str = ""

    @property
    def difference(self) -> float:
        return self.ours / self.peer - 1


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
            ours = matrix_product(*product, (32, 32), flow)
            name = " x ".join(map(str, product))
            rows.append(Row(f"{name}, {flow} stationary", "cycles", ours, found[key]))
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
    found = peers.run("zigzag", [layer for _, layer in ZIGZAG], "EDP", "6")
    for (name, layer), peer in zip(ZIGZAG, found, strict=True):
        mapped = cost.search(convolution(layer), machine, goal="edp")
        estimate = mapped.estimate
        rows.append(Row(name, "compute steps", mapped.counts.steps, peer["compute_cycles"]))
        rows.append(Row(name, "cycles", estimate.seconds * 1e9, peer["cycles"], EDGES))
        rows.append(Row(name, "joules", estimate.joules, peer["joules"], WORDS))
        edp = estimate.energy_delay, peer["joules"] * peer["cycles"] * 1e-9
        rows.append(Row(name, "joule seconds", *edp, "cycles and joules as above"))
    return rows


def accelforge() -> list[Row]:
    b = Builder("product")
    b.linear(b.input((3136, 576)), 64)
    workload = b.finish()
    machine = arch.load(Path(__file__).parent / "peers" / "accelforge.toml")
    found = cost.search(operation(workload, workload.einsums[0]), machine, goal="energy")
    rows = [Row("product, least energy", "joules", found.estimate.joules, ACCELFORGE["energy"])]
    tiles = (
        "another mapping of nearly equal energy: the buffer takes 3 % of it; its traffic trades "
        "against that of the registers"
    )
    for name, peer in list(ACCELFORGE.items())[1:]:
        memory, kind = name.split()
        ours = found.counts.amount(memory, "read" if kind == "read" else "write") / 8
        rows.append(Row("product, least energy", f"{name}, bytes", ours, peer, tiles))
    return rows


def main() -> None:
    unexplained = 0
    for title, rows in (
        ("SCALE-Sim 3.0.0, 32 x 32, without stalls", scalesim()),
        ("nn-dataflow 2.1, row stationary", nn_dataflow()),
        ("ZigZag 3.9.1, tpu_like, 32 x 32, least EDP", zigzag()),
        ("AccelForge 1.0.467 (frozen figures)", accelforge()),
    ):
        table = Table(title=title, title_justify="left")
        for column in ("what", "quantity", "ours", "theirs", "difference", "why"):
            table.add_column(column)
        for row in rows:
            large = abs(row.difference) > LIMIT
            unexplained += large and not row.why
            why = (row.why or "NOT EXPLAINED") if large else ""
            table.add_row(row.what, row.quantity, f"{row.ours:.6g}", f"{row.peer:.6g}",
                          f"{row.difference:+.2%}", why)  # fmt: skip
        Console(width=150).print(table)
    if unexplained:
        raise SystemExit(f"{unexplained} differences above {LIMIT:.0%} are not explained")


if __name__ == "__main__":
    main()
