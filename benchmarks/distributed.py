"""alkaid's and da4ml's Verilog of one of our graphs, in the frame of our designs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks import peers
from benchmarks.peer_design import Module, Packed, PeerDesign
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.ir import Graph, Node
from netwright.ir.ops.limit import intervals, wraps
from netwright.ir.ops.quant import rounding_of

CUTOFF = 4
"""Latency, in adders, after which either tool places a register."""

ROUNDINGS = {"half-up": "RND", "floor": "TRN"}
"""Rounding modes that both tools know."""

KEPT = "(* keep *)"

Tool = Literal["alkaid", "da4ml"]


class NotThere(Exception):
    """The graph holds something that the other tool has no way to say."""


@dataclass(frozen=True)
class Peer:
    """The design of another tool, and the CPU seconds that its generation took."""

    design: PeerDesign
    generation_s: float


def generate(
    tool: Tool, graph: Graph, ports: Circuit, folder: Path, *, ternary: bool = False
) -> Peer:
    """The Verilog that a tool makes of a graph.

    Args:
        tool: Which one; it is installed into an environment of its own at first.
        graph: A graph in integer form with one quantized input of one axis and one output.
        ports: Our design of the graph, for its ports.
        folder: Where the Verilog goes.
        ternary: Whether alkaid fuses adders of two operands into adders of three.

    Raises:
        NotThere: The graph holds something that the tool cannot say.
        PeerMissing: The tool cannot be installed, or fails.
    """
    folder = folder.resolve()
    name = f"{tool}_{graph.name}"
    item = described(graph) | {
        "name": name,
        "folder": str(folder),
        "cutoff": CUTOFF,
        "ternary": ternary,
    }
    (found,) = peers.run(tool, [item])
    sources = tuple(sorted((folder / "src").rglob("*.v")))
    has_tables = any(node.op == "Lookup" for node in graph.nodes)
    left_out = ("_wrapper.v",) if has_tables else ("_wrapper.v", "lookup_table.v")
    used = tuple(path for path in sources if not path.name.endswith(left_out))
    for path in used:
        _may_keep(path)
    module = Module(
        name=name,
        sources=used,
        ports=("model_inp", "model_out"),
        inputs=tuple(Packed(*element) for element in found["inputs"]),
        outputs=tuple(Packed(*element) for element in found["outputs"]),
        latency_cycles=int(found["latency"]),
    )
    return Peer(PeerDesign.of(graph, ports, module, folder), float(found["seconds"]))


def _may_keep(path: Path) -> None:
    """With our macro for it, the other tool's carry chains stay whole, too."""
    if path.name not in ("shift_adder.v", "ternary_adder.v"):
        return
    text, lines = path.read_text(), []
    for line in text.splitlines():
        if line.strip().startswith("wire ") and " accum" in line:
            lines += ["`ifdef KEEP_ADDERS", KEPT, "`endif"]
        lines.append(line)
    path.write_text("\n".join(lines) + "\n")


def described(graph: Graph) -> dict[str, object]:
    """A graph as plain values, all of them integers."""
    (quantize,) = (node for node in graph.nodes if node.op == "Quantize")
    (output,) = graph.outputs
    kind = graph.types[quantize.output]
    entering = [int(kind.dtype.signed), kind.dtype.bits, int(np.prod(kind.shape[1:]))]
    nodes = [_described(node, graph) for node in graph.nodes if node is not quantize]
    return {"input": entering, "entering": quantize.output, "leaving": output, "nodes": nodes}


def _described(node: Node, graph: Graph) -> dict[str, object]:
    variable = [name for name in node.inputs if name not in graph.constants]
    found = {"op": node.op, "inputs": variable, "output": node.output}
    return found | dict(_attributes(node, graph))


def _attributes(node: Node, graph: Graph) -> Iterator[tuple[str, object]]:
    constants = [graph.constants[name] for name in node.inputs if name in graph.constants]
    match node.op:
        case "MatMul":
            yield "weights", constants[0].tolist()
            if len(constants) == 2:
                yield "bias", constants[1].tolist()
        case "Lookup":
            yield "tables", constants[0].tolist()
            yield "first", node.integer("first")
        case "Requantize":
            low, high, mode = node.integer("low"), node.integer("high"), str(rounding_of(node))
            if low not in (0, -high - 1) or high & (high + 1):
                raise NotThere(f"{node.name} is limited to {low}..{high}, no format's interval")
            if mode not in ROUNDINGS or node.integer("zero_point", 0):
                raise NotThere(f"{node.name} rounds {mode}, or has a zero point")
            yield from (("low", low), ("high", high), ("rounding", ROUNDINGS[mode]))
            yield "shift", node.integer("shift")
            yield "multiplier", list(node.integers("multiplier"))
            yield "offset", list(node.integers("offset"))
        case "Limit":
            found = intervals(node)
            yield "low", [low for low, _ in found]
            yield "high", [high for _, high in found]
            yield "overflow", "WRAP" if wraps(node) else "SAT"
        case "Add" if not constants:
            return
        case _:
            raise NotThere(f"{node.name} is a {node.op}")
