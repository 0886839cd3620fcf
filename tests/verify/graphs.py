"""Graphs to verify, and executables that show less than the interpreter does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np

from netwright import compress, models
from netwright.formats import Rounding
from netwright.ir import Array, Graph, Interpreter
from netwright.train import trace
from tests.toys import clouds, disturb, images, plan_for, quantized_mlp


@dataclass(frozen=True)
class Shy:
    """Executes a graph and shows its outputs, and the tensors that `shown` operators make."""

    graph: Graph
    shown: tuple[str, ...] = ()

    def run(self, inputs: np.ndarray, *, keep: Collection[str] = ()) -> dict[str, Array]:
        visible = {node.output for node in self.graph.nodes if node.op in self.shown}
        kept = [name for name in keep if name in visible]
        return dict(Interpreter.of(self.graph).run(inputs, keep=kept))


@cache
def dense(scale: str = "power-of-two", rounding: Rounding = Rounding.HALF_EVEN) -> Graph:
    """A network of three dense layers."""
    return trace(
        quantized_mlp(clouds(), weight_bits=5, activation_bits=5, scale=scale, rounding=rounding)
    )


@cache
def convolutional() -> Graph:
    """A convolution and a dense layer, with a scale for each channel."""
    model = models.encoder(filters=4, outputs=5)
    disturb(model, seed=2)
    plan = plan_for(model, (1, 8, 8), 5, 5).with_rules(scale="float", granularity="channel")
    return trace(compress.apply(model, plan, images(), input_shape=(1, 8, 8)))
