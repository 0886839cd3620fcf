"""Quantizers to formats of neighbors: a requantization, then a choice among their values."""

from __future__ import annotations

from dataclasses import replace

from netwright.errors import GraphError
from netwright.formats import Format, Rounding, holds_integers
from netwright.ir import Node
from netwright.ir.ops.format_quant import format_of, number_text
from netwright.passes.carried import Carried, HostValues
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_quant import Grid, host_quantized, requantize
from netwright.passes.rationals import along, exact, largest


def integer_format(node: Node) -> Format:
    """The format of a ``FormatQuant`` whose values are integers times its scale.

    Raises:
        GraphError: Its values are not, or the plain quantizer makes them.
    """
    format = format_of(node)
    if not holds_integers(format.number):
        raise GraphError(
            f"{format.number} holds no integers: its products have no integer meaning",
            node=node.name,
            hint="such graphs stay in the quantized form, which the interpreter executes",
        )
    if format.number.group == 1:
        raise GraphError(
            f"{format.number} codes each element by itself", node=node.name, hint="use a Quant node"
        )
    return format


def format_quant(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a FormatQuant of an activation.

    The borders between two values of outlier-victim pairs are multiples of half a step, and ties go
    to the smaller magnitude. So whole half steps, rounded away from zero, tell on which side of
    every border a value lies, and what is chosen from them is what is chosen from the value.
    """
    format = integer_format(node)
    number = format.number
    assert holds_integers(number)
    scale = along(exact(format.scale), format.axis, len(builder.graph.types[node.output].shape))
    halves = Grid(scale / 2, 2 * number.min, 2 * number.max, 0, Rounding.AWAY_FROM_ZERO)
    name = builder.free_name(f"{node.name}_halves")
    inner = replace(node, name=name, output=name)
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        carried = host_quantized(builder, inner, source, halves)
    else:
        carried = requantize(builder, inner, builder.take(node.inputs[0], node), halves)
    return builder.emit(
        "FormatCodes",
        node.name,
        (carried.name,),
        node.output,
        {"number": number_text(number), "group_axis": format.group_axis, "shift": 1},
        scale=scale,
        origin=node.origin or node.name,
        drift={note: 2 * largest(scale) * number.max for note in carried.drift},
        format=format,
    )
