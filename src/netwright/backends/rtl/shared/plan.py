"""What an accelerator is built as and what it is told, for one graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.shared.layers import Integers, Layer, total_cycles
from netwright.backends.rtl.shared.lowering import Stored, lowered
from netwright.backends.rtl.shared.memory import placed, plane_words
from netwright.backends.rtl.shared_options import LIMITS, SharedOptions, reachable_rows
from netwright.errors import DoesNotFit
from netwright.ir import Graph

LEAST_BITS = 2
"""Bits of a number with a sign, at least."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the hardware is built as: the parameters of ``shared_core``.

    Attributes:
        lanes: Multipliers of a unit.
        units: Units of an element.
        elements: Elements.
        layers: Descriptors.
        weight_rows: Rows of the weights' memory.
        table_rows: Rows of the table.
        feature_words: Words of the feature maps' memory; a power of two.
        accumulator_bits: Bits of a running sum.
        multiplier_bits: Bits of a requantizer's multiplier.
        offset_bits: Bits of its offset.
        value_bits: Bits of what it shifts.
        result_bits: Bits of what it limits.
        blocks: Whether products are left to the part's own multipliers.
    """

    lanes: int
    units: int
    elements: int
    layers: int
    weight_rows: int
    table_rows: int
    feature_words: int
    accumulator_bits: int
    multiplier_bits: int
    offset_bits: int
    value_bits: int
    result_bits: int
    blocks: bool

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters by their names in Verilog."""
        return {
            "LANES": self.lanes,
            "UNITS": self.units,
            "ELEMENTS": self.elements,
            "LAYERS": self.layers,
            "WEIGHT_ROWS": self.weight_rows,
            "TABLE_ROWS": self.table_rows,
            "FEATURE_WORDS": self.feature_words,
            "ACC_BITS": self.accumulator_bits,
            "MULTIPLIER_BITS": self.multiplier_bits,
            "OFFSET_BITS": self.offset_bits,
            "VALUE_BITS": self.value_bits,
            "RESULT_BITS": self.result_bits,
            "BLOCKS": int(self.blocks),
        }


@dataclass(frozen=True, eq=False)
class Plan:
    """A graph on an accelerator.

    Attributes:
        name: Name of the graph.
        options: The size that was asked for.
        sizes: What is built.
        layers: What is computed, in order.
        first_rows: Where every layer's weights begin.
        first_entries: Where every layer's entries of the table begin.
        weights: The memory of weights: (rows, elements, units, lanes) bytes.
        table: The table: multiplier and offset of (rows, elements).
        stored: Every tensor in memory.
        places: The first word of each.
        views: How inputs and outputs are stored.
    """

    name: str
    options: SharedOptions
    sizes: Sizes
    layers: tuple[Layer, ...]
    first_rows: tuple[int, ...]
    first_entries: tuple[int, ...]
    weights: Integers
    table: tuple[tuple[tuple[int, int], ...], ...]
    stored: Mapping[str, Stored]
    places: Mapping[str, int]
    views: Mapping[str, Stored]

    @cached_property
    def cycles(self) -> int:
        """Clocks of a run."""
        return total_cycles(self.layers, self.options)

    def plane_words(self, tensor: str) -> int:
        """Words from a plane of a tensor to its next one."""
        return plane_words(self.stored[tensor], self.options.channels)


def planned(graph: Graph, options: SharedOptions) -> Plan:
    """The layers of a graph, the memories they fill, and the hardware they need.

    Raises:
        GraphError: The graph cannot be computed by layers of this kind.
        DoesNotFit: It needs more of a resource than there is.
    """
    made = lowered(graph, options)
    first_rows, blocks = _packed([layer.weights for layer in made.layers])
    first_entries, entries = _packed([_entries(layer, options) for layer in made.layers])
    weights = np.concatenate(blocks or [np.zeros((0, 1, 1, 1), dtype=np.int64)])
    table = tuple(tuple((int(m), int(o)) for m, o in row) for part in entries for row in part)
    outputs = [name for name in graph.outputs if name not in graph.constants]
    ends = {name: made.view(name) for name in outputs}
    hosts = [n.output for n in graph.nodes if n.op == "Quantize"]
    views = {**{name: made.view(name) for name in hosts}, **ends}
    kept = [view.tensor for view in ends.values()]
    places, words = placed(made.stored, made.layers, kept, channels=options.channels)
    needed = {
        "layers": len(made.layers),
        "weight_rows": len(weights),
        "table_rows": len(table),
        "feature_words": words,
        "accumulator_bits": max([LEAST_BITS, *(_signed(layer.sums) for layer in made.layers)]),
        "multiplier_bits": _bits(m for row in table for m, _ in row),
        "offset_bits": _bits(offset for row in table for _, offset in row),
        "value_bits": max([LEAST_BITS, *(_values(layer) for layer in made.layers)]),
        "result_bits": _bits(
            end for layer in made.layers for end in (layer.rescale.low, layer.rescale.high)
        ),
    }
    entry_bits = options.elements * (needed["multiplier_bits"] + needed["offset_bits"])
    reached = {
        "weight_rows": reachable_rows(8 * options.multipliers),
        "table_rows": reachable_rows(entry_bits),
    }
    _refuse_what_does_not_fit(graph, options, needed, reached)
    built = {name: getattr(options, name) or max(count, 1) for name, count in needed.items()}
    built["feature_words"] = _memory(options, needed["feature_words"])
    sizes = Sizes(
        lanes=options.lanes, units=options.units, elements=options.elements, **built,
        blocks=options.dsp,
    )  # fmt: skip
    return Plan(
        graph.name, options, sizes, tuple(made.layers), tuple(first_rows), tuple(first_entries),
        weights, table, made.stored, places, views,
    )  # fmt: skip


def _entries(layer: Layer, options: SharedOptions) -> Integers:
    """The rows of the table that a layer reads: (rows, elements, 2)."""
    rows = layer.blocks(options) * options.units
    found = np.zeros((rows * options.elements, 2), dtype=object)
    found[: layer.channels, 0] = layer.multipliers
    found[: layer.channels, 1] = layer.offsets
    return found.reshape(rows, options.elements, 2)


def _packed(parts: Sequence[Integers]) -> tuple[list[int], list[Integers]]:
    """Where each part begins when equal ones are kept once, and those that are kept."""
    known: dict[object, int] = {}
    firsts, kept, end = [], [], 0
    for part in parts:
        key = (part.shape, tuple(part.reshape(-1).tolist()))
        if key not in known:
            known[key] = end
            kept.append(part)
            end += len(part)
        firsts.append(known[key])
    return firsts, kept


def _refuse_what_does_not_fit(
    graph: Graph, options: SharedOptions, needed: Mapping[str, int], reached: Mapping[str, int]
) -> None:
    limits = {name: getattr(options, name) or most for name, most in LIMITS.items()}
    limits |= {name: min(limits[name], most) for name, most in reached.items()}
    exceeded = [name for name, count in needed.items() if count > limits[name]]
    if not exceeded:
        return
    first, *others = exceeded
    advice = (
        f"raise {first}, or leave it out for as many as the graph needs, at most {LIMITS[first]:,}"
    )
    for name in others:
        advice += f"; it also needs {needed[name]:,} {name}, and there are {limits[name]:,}"
    raise DoesNotFit(
        graph.name,
        part=f"an accelerator of {options.lanes} x {options.units} x {options.elements}",
        resource=first,
        needed=needed[first],
        available=limits[first],
        hint=advice,
    )


def _memory(options: SharedOptions, needed: int) -> int:
    """Words of the feature maps' memory: whole rows of all banks, a power of two of them."""
    banks = 1 << (max(options.lanes, options.elements, 2) - 1).bit_length()
    words = max(options.feature_words or needed, 2 * banks)
    return 1 << (words - 1).bit_length()


def _values(layer: Layer) -> int:
    """Bits of what the requantizer shifts, rounding included."""
    ends = [
        factor * end + offset
        for factor, offset in zip(layer.multipliers, layer.offsets, strict=True)
        for end in layer.sums
    ]
    most = 1 << layer.rescale.shift
    return max(_signed((min(ends), max(ends) + most)), layer.rescale.shift + 2)


def _signed(interval: Interval) -> int:
    """Bits of every value of an interval as two's complement."""
    return max(width((min(interval[0], -1), interval[1])), LEAST_BITS)


def _bits(values: Iterator[int]) -> int:
    found = list(values)
    return _signed((min(found), max(found))) if found else LEAST_BITS
