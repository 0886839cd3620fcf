"""Budgets: what a plan costs, and how much it may cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from netwright.compress.hardware import layer_latency_ns, layer_luts
from netwright.compress.plan import LayerShape, Plan
from netwright.errors import ConfigError

LayerCost = Callable[[LayerShape, float, float], float]
"""Cost of one layer from its shape, its weight width and its input width (both in bits).

Widths are what an element takes in memory: 4.25 bits where 32 of 4 bits share a scale of 8.

Any additive model fits: bit operations, memory, or LUT and latency figures fitted on synthesized
layers.
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """An upper limit on the sum of a cost over the layers.

    Attributes:
        kind: Name of the cost, for messages and reports.
        limit: Largest allowed sum, in `unit`.
        unit: Unit of the cost.
        cost: The cost of one layer.
        of_integers: Whether the cost is that of integer arithmetic, and known for nothing else.
    """

    kind: str
    limit: float
    unit: str
    cost: LayerCost
    of_integers: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit) or self.limit <= 0:
            raise ConfigError(f"the {self.kind} budget must be positive, not {self.limit}")

    def total(self, shapes: Sequence[LayerShape], plan: Plan) -> float:
        """What `plan` costs."""
        return sum(
            self.cost(shape, layer.stored_weight_bits, layer.stored_input_bits)
            for shape, layer in zip(shapes, plan.layers, strict=True)
        )


def layer_bops(
    shape: LayerShape, weight_bits: float, input_bits: float, *, density: float = 1.0
) -> float:
    """Bit operations of one layer for one input.

    ``m n (p b_a b_w + b_a + b_w + log2 n)`` for each output position, with n terms in a sum, m sums
    and a share p of the weights that is not zero (the formula of
    fastmachinelearning/hawq-jet-tagging, ``utilities/compute_bops.py``).

    >>> int(layer_bops(LayerShape("fc1", 16, 64, 1, 1024), 32, 32))
    1118208
    """
    product = density * input_bits * weight_bits
    width = product + input_bits + weight_bits + math.log2(shape.inputs)
    return shape.positions * shape.outputs * shape.inputs * width


def total_bops(shapes: Sequence[LayerShape], plan: Plan) -> float:
    """Bit operations of a whole network under `plan`."""
    return sum(
        layer_bops(shape, layer.stored_weight_bits, layer.stored_input_bits)
        for shape, layer in zip(shapes, plan.layers, strict=True)
    )


def bops(limit: float) -> Budget:
    """At most `limit` bit operations for one input; see :func:`layer_bops`."""
    return Budget("bops", float(limit), "BOPs", layer_bops)


def weight_bits(limit: float) -> Budget:
    """At most `limit` bits of weight memory."""
    return Budget(
        "weight_bits", float(limit), "bit", lambda shape, width, _: float(shape.weights * width)
    )


def luts(limit: float, *, cost: LayerCost = layer_luts) -> Budget:
    """At most `limit` LUTs, modelled for unrolled RTL.

    Args:
        limit: LUTs of all layers.
        cost: LUTs of a layer. From shape and widths alone if not given; what
            :func:`~netwright.compress.count_layers` finds for a trained network is closer.
    """
    return Budget("luts", float(limit), "LUT", cost, of_integers=True)


def latency_ns(limit: float, *, clock_mhz: float = 200.0) -> Budget:
    """At most `limit` nanoseconds from an input to its outputs, as modelled for pipelined RTL.

    Args:
        limit: Nanoseconds.
        clock_mhz: Clock frequency that the design is given; it is not checked here.
    """
    cost = partial(layer_latency_ns, clock_mhz=clock_mhz)
    return Budget("latency_ns", float(limit), "ns", cost, of_integers=True)


BUDGETS: dict[str, Callable[[float], Budget]] = {
    "bops": bops,
    "weight_bits": weight_bits,
    "luts": luts,
    "latency_ns": latency_ns,
}
"""Budgets that a flow file can name."""
