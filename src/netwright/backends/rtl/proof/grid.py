"""Graphs that instantiate every non-linear block over a grid of widths, shifts and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netwright.formats import Int, Rounding, smallest_int
from netwright.ir import AttrValue, Graph, Node, TensorType

WIDTHS = (2, 4, 6, 8, 12, 16, 20, 24, 32)
"""Bits of the values that enter the blocks."""

SHIFTS = (1, 2, 3, 5, 8, 12, 16, 20)
"""Bits that rounding drops, as far as the width reaches."""

LIMITS = ((0, 63), (-128, 127), (-3, 9), (-40, -2))
"""Limits behind the rounding: powers of two, and such as need a comparison."""

ROUNDINGS = tuple(Rounding)
"""Every rounding mode."""


@dataclass
class _Build:
    """A graph in the making, around one input of one element."""

    name: str
    dtype: Int
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)

    def add(
        self, kind: str, op: str, attrs: Mapping[str, AttrValue], dtype: Int, *sources: str
    ) -> str:
        """Add a node that reads the input, unless other sources are given."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(Node(name, op, sources or ("codes",), f"{name}_out", attrs))
        self.types[f"{name}_out"] = TensorType((1, 1), dtype, (1.0,))
        return f"{name}_out"


def grid(
    width: int,
    *,
    signed: bool = True,
    shifts: tuple[int, ...] = SHIFTS,
    limits: tuple[tuple[int, int], ...] = LIMITS,
    roundings: tuple[Rounding, ...] = ROUNDINGS,
) -> Graph:
    """One value and every non-linear block behind it.

    Args:
        width: Bits of the value.
        signed: Whether it can be negative.
        shifts: Bits that rounding drops; those beyond the width are left out.
        limits: Limits behind the rounding.
        roundings: Rounding modes.

    >>> grid(4, shifts=(1,), limits=((0, 7),), roundings=(Rounding.FLOOR,)).nodes[1].op
    'Requantize'
    """
    build = _Build(f"grid_{'s' if signed else 'u'}{width}", Int(width, signed))
    outputs = list(_requantizers(build, shifts, limits, roundings))
    outputs.append(build.add("relu", "Relu", {}, Int(width, signed)))
    for offset in (0, 1, -(1 << (width - 1)) // 3):
        outputs.append(build.add("sign", "Sign", {"offset": (offset,)}, Int(2)))
    for bits in sorted({1, max(width // 2, 1), width}):
        for wrapped in (Int(bits, signed=False), Int(bits + 1), Int(bits + 1, narrow=True)):
            outputs.append(build.add("wrap", "Add", {}, wrapped, "codes", "codes"))
    quantize = Node(
        "quantize",
        "Quantize",
        ("x",),
        "codes",
        {
            "scale": (1.0,),
            "low": build.dtype.min,
            "high": build.dtype.max,
            "rounding": Rounding.HALF_EVEN.value,
        },
    )
    types = {
        "x": TensorType((1, 1)),
        "codes": TensorType((1, 1), build.dtype, (1.0,)),
        **build.types,
    }
    return Graph(build.name, ("x",), tuple(outputs), (quantize, *build.nodes), types, {})


def _requantizers(
    build: _Build,
    shifts: tuple[int, ...],
    limits: tuple[tuple[int, int], ...],
    roundings: tuple[Rounding, ...],
) -> Iterator[str]:
    """Every rounding with every shift and every limit; then limits alone."""
    low, high = build.dtype.min, build.dtype.max
    everything = [(0, mode, ends) for mode in roundings[:1] for ends in limits]
    for shift in shifts:
        if shift <= build.dtype.bits:
            everything += [(shift, mode, ends) for mode in roundings for ends in limits]
            everything += [(shift, mode, (low - 1, high + 1)) for mode in roundings]
    for number, (shift, mode, (least, most)) in enumerate(everything):
        attrs: dict[str, AttrValue] = {
            "multiplier": (1,),
            "offset": ((0, 1, -5)[number % 3],),
            "shift": shift,
            "rounding": mode.value,
            "low": least,
            "high": most,
        }
        yield build.add(mode.value, "Requantize", attrs, smallest_int(least, most))
