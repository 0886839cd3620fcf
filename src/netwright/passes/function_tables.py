"""Functions of quantized values become tables of their codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.ir import KEEPS_VALUES, Array, Graph, Node, check
from netwright.ir.ops.function import curve
from netwright.ir.ops.quant import code_type
from netwright.passes.carried import step_of
from netwright.passes.integerize_quant import is_plain_quantizer
from netwright.passes.replacing import Replacing

MAX_ENTRIES = 1 << 22
"""Most entries of one function's tables: each feature has one for every code."""

FREE_BITS = 16
"""Width of the codes that a table makes where no quantizer follows, as at an output."""


def with_tables(graph: Graph) -> Graph:
    """The graph with a ``Lookup`` for every ``Function`` of a quantized tensor.

    A quantizer directly behind decides the codes in the table; where none is, entries are rounded
    to :data:`FREE_BITS` bits.

    Args:
        graph: A graph in the quantized form; each function reads a quantizer with one scale,
            through what only moves or rectifies.

    Raises:
        GraphError: A function has no finite value for a code, or its tables are too large.
    """
    if not any(node.op == "Function" for node in graph.nodes):
        return graph
    replacing = Replacing(graph)
    for node in graph.nodes:
        maker = _maker(graph, node) if node.op == "Function" else None
        if maker is None:
            continue
        first, entries = _entries(graph, node, maker)
        shape = graph.types[node.inputs[0]].shape
        factor = replacing.constant(f"{node.name}_factor", np.array([1 / maker.reals("scale")[0]]))
        codes = replacing.tensor(f"{node.name}_codes", shape)
        table = replacing.constant(f"{node.name}_table", np.tile(entries, (shape[-1], 1, 1)))
        origin = node.origin or node.name
        lookup = replace(node, op="Lookup", inputs=(codes, table), attrs={"first": first})
        replacing.made[node.name] = [
            Node(codes, "Mul", (node.inputs[0], factor), codes, {}, origin),
            replace(lookup, origin=origin),
        ]
    return check(replacing.whole())


def _maker(graph: Graph, node: Node) -> Node | None:
    """The quantizer whose codes a node reads."""
    made = graph.producers.get(node.inputs[0])
    while made is not None and made.op in {*KEEPS_VALUES, "Relu"}:
        made = graph.producers.get(made.inputs[0])
    plain = made is not None and is_plain_quantizer(made) and len(made.reals("scale")) == 1
    return made if plain else None


def _entries(graph: Graph, node: Node, maker: Node) -> tuple[int, Array]:
    """The first code and the function's value for every code."""
    dtype, features = code_type(maker), graph.types[node.inputs[0]].shape[-1]
    count, name = dtype.max - dtype.min + 1, node.text("name")
    if count * features > MAX_ENTRIES:
        fits = (MAX_ENTRIES // features).bit_length() - 1
        raise GraphError(
            f"a table of {name} for {dtype.bits}-bit codes of {features} features has "
            f"{count * features} entries, more than {MAX_ENTRIES}",
            node=node.name,
            hint=f"quantize activations to {fits} bits or fewer, as in --bits 8,{fits}; "
            "--backend cpu computes float files as they are",
        )
    values = np.arange(dtype.min, dtype.max + 1, dtype=np.float64) * maker.reals("scale")[0]
    with np.errstate(over="ignore"):
        entries = curve(node, values).astype(np.float32).astype(np.float64)  # as files hold them
    if not np.all(np.isfinite(entries)):
        raise GraphError(
            f"{name} has no finite value for {values[int(np.argmin(np.isfinite(entries)))]:g}, "
            "which the quantizer in front of it makes",
            node=node.name,
            hint="end the file before it and do the rest on the host, or let the file keep what it "
            "reads away from there (Clip); --backend cpu computes float files as they are",
        )
    readers = graph.consumers[node.output]
    decided = bool(readers) and all(is_plain_quantizer(reader) for reader in readers)
    return dtype.min, entries if decided and node.output not in graph.outputs else _free(entries)


def _free(entries: Array) -> Array:
    """Entries on a grid of powers of two, where no quantizer gives them one."""
    largest = float(np.abs(entries).max())
    step = 2.0 ** (int(np.frexp(largest)[1]) - FREE_BITS + 1)
    coarse = largest == 0 or step_of(entries) >= step
    return entries if coarse else np.rint(entries / step) * step
