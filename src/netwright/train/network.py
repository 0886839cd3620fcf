"""A quantized network: the user's module with quantized layers in it, run step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.errors import DataError, NumericsError
from netwright.formats import Rounding
from netwright.train.chain import DenseChain, Link
from netwright.train.grid import Grid
from netwright.train.layers import QuantLayer
from netwright.train.operations import (
    ACTIVATION_NORM,
    EVERYTHING,
    RELU,
    Operation,
    QuantActivation,
    QuantInput,
    Quantizing,
)
from netwright.train.quantizer import Quantizer


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of a network, and what it reads and makes.

    Attributes:
        name: An identifier, unique in the network.
        operation: What is done.
        inputs: Names of the tensors that it reads.
        output: Name of the tensor that it makes.
        origin: Path in the user's module.
    """

    name: str
    operation: Operation
    inputs: tuple[str, ...]
    output: str
    origin: str


class QuantModel(nn.Module):
    """A network of quantized layers and of exact operations between them.

    In training mode the model gives real outputs for gradients; in evaluation mode it gives the
    same outputs as the integer graph, codes times scale. :func:`netwright.compress.apply` makes it.

    Chains of dense layers are trained as one :class:`~netwright.train.chain.DenseChain`, so
    operations must not be replaced afterwards; their parameters and scales may change.

    Args:
        network: A copy of the user's module in which the quantized layers stand at their paths.
        steps: What is computed, in order.
        input_shapes: Shape of one row of every input, by name and in the order of the call.
        outputs: Names of the tensors that are returned.
        head: What follows on the host: ``"softmax"`` or nothing.
    """

    def __init__(
        self,
        network: nn.Module,
        steps: Sequence[Step],
        *,
        input_shapes: Mapping[str, tuple[int, ...]],
        outputs: Sequence[str],
        head: str = "",
    ) -> None:
        super().__init__()
        self.network = network
        self.steps = tuple(steps)
        inside = {id(module) for module in network.modules()}
        self.between = nn.ModuleDict(
            {step.name: step.operation for step in steps if id(step.operation) not in inside}
        )
        self.input_shapes = dict(input_shapes)
        self.outputs = tuple(outputs)
        self.head = head
        self._chain = _dense_chain(self.steps, self.outputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of the only input.

        Raises:
            DataError: There are several.
        """
        if len(self.input_shapes) > 1:
            raise DataError(f"the network has the inputs {', '.join(self.input_shapes)}")
        return next(iter(self.input_shapes.values()))

    def forward(self, *values: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the network gives: (batch, …), or a tuple of these."""
        if self.training:
            if self._chain is not None:
                return self._chain(values[0])
            env = dict(zip(self.input_shapes, self._arranged(values), strict=True))
            for step in self.steps:
                env[step.output] = step.operation.simulate(*(env[key] for key in step.inputs))
            found = tuple(env[name] for name in self.outputs)
        else:
            grids = self.grids()
            codes = self._codes(values, grids)
            found = tuple(codes[name] * grids[name].like(codes[name].ndim) for name in self.outputs)
        return found[0] if len(found) == 1 else found

    def codes(self, *values: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Integer outputs, float64; the model must be in evaluation mode."""
        if self.training:
            raise NumericsError("codes exist in evaluation mode only; call model.eval() first")
        codes = self._codes(values, self.grids())
        found = tuple(codes[name] for name in self.outputs)
        return found[0] if len(found) == 1 else found

    def tensors(self, *values: Tensor) -> dict[str, Tensor]:
        """The codes of every step, float64, by name of the tensor."""
        return self._codes(values, self.grids(), keep=True)

    @torch.no_grad()
    def grids(self) -> dict[str, Grid]:
        """Where the codes of every tensor lie."""
        grids: dict[str, Grid] = {}
        for step in self.steps:
            grids[step.output] = step.operation.grid(*_read(grids, step))
        return grids

    def _codes(
        self, values: Sequence[Tensor], grids: Mapping[str, Grid], *, keep: bool = False
    ) -> dict[str, Tensor]:
        env = dict(zip(self.input_shapes, self._arranged(values), strict=True))
        last = {name: i for i, step in enumerate(self.steps) for name in step.inputs}
        for i, step in enumerate(self.steps):
            env[step.output] = step.operation.codes(
                _read(grids, step), *(env[key] for key in step.inputs)
            )
            for name in () if keep else dict.fromkeys(step.inputs):
                if last[name] == i and name not in self.outputs:
                    del env[name]
        return {step.output: env[step.output] for step in self.steps if step.output in env}

    def _arranged(self, values: Sequence[Tensor]) -> Sequence[Tensor]:
        if len(values) != len(self.input_shapes):
            raise DataError(
                f"the network takes {', '.join(self.input_shapes)}, not {len(values)} inputs"
            )
        return values

    def quant_layers(self) -> dict[str, QuantLayer]:
        """The layers with weights, in the order of the computation, by path in the module."""
        return {
            step.origin: step.operation
            for step in self.steps
            if isinstance(step.operation, QuantLayer)
        }

    def sources(self) -> dict[str, Quantizer]:
        """The quantizer of what every layer with weights reads, by path of the layer."""
        made: dict[str, Quantizer] = {}
        found = {}
        for step in self.steps:
            quantizer = getattr(step.operation, "quantizer", None)
            if isinstance(quantizer, Quantizer):
                made[step.output] = quantizer
            elif step.inputs[0] in made:
                made[step.output] = made[step.inputs[0]]
            if isinstance(step.operation, QuantLayer):
                found[step.origin] = made.pop(step.output)
        return found

    @torch.no_grad()
    def calibrate(self, *values: Tensor, weights: bool = True) -> None:
        """Choose every scale on a batch of real inputs, layer after layer.

        Args:
            values: Real inputs, (rows, *shape) each.
            weights: Choose the scales of the weights too; biases follow their accumulators anyway.
        """
        was_training = self.training
        self.train()
        self._calibrate(self._arranged(values), weights)
        self.train(was_training)

    def _calibrate(self, values: Sequence[Tensor], weights: bool) -> None:
        shared = self._shared_quantizers()
        if shared:  # their scale suits all that they quantize, so that has to be seen before
            found: dict[int, list[Tensor]] = {key: [] for key in shared}
            self._pass(values, weights, found)
            for key, quantizer in shared.items():
                parts = [part.reshape(-1) for part in found[key]]
                quantizer.calibrate(torch.cat(parts), norm=ACTIVATION_NORM)
        self._pass(values, weights, None)

    def _shared_quantizers(self) -> dict[int, Quantizer]:
        found: dict[int, Quantizer] = {}
        again: dict[int, Quantizer] = {}
        for step in self.steps:
            quantizer = getattr(step.operation, "quantizer", None)
            if isinstance(quantizer, Quantizer):
                (again if id(quantizer) in found else found)[id(quantizer)] = quantizer
        return again

    def _pass(
        self, values: Sequence[Tensor], weights: bool, found: dict[int, list[Tensor]] | None
    ) -> None:
        """Calibrate step after step; with `found`, collect what shared quantizers read instead."""
        shared = self._shared_quantizers()
        seen = dict(zip(self.input_shapes, values, strict=True))
        observed: dict[str, Tensor] = {}
        grids: dict[str, Grid] = {}
        for step in self.steps:
            operation, sources = step.operation, _read(grids, step)
            reads = [observed.get(name, seen[name]) for name in step.inputs]
            key = id(getattr(operation, "quantizer", None))
            if found is not None and isinstance(operation, Quantizing) and key in shared:
                free = operation.unquantized(*reads)
                found[key].append(free)
                seen[step.output] = observed[step.output] = free
            else:
                if key not in shared:
                    operation.calibrate(sources, *reads, weights=weights)
                if found is None:
                    reads = [seen[name] for name in step.inputs]
                observed[step.output] = operation.observe(*reads)
                seen[step.output] = observed[step.output]
                if operation.is_observed_otherwise:
                    seen[step.output] = operation.simulate(*reads)
            grids[step.output] = operation.grid(*sources)


def _read(grids: Mapping[str, Grid], step: Step) -> tuple[Grid, ...]:
    return tuple(grids[name] for name in step.inputs if name in grids)


def _dense_chain(steps: Sequence[Step], outputs: Sequence[str]) -> DenseChain | None:
    """The steps as one chain, if they are dense layers of the kind that it runs."""
    last = ""
    links: list[Link] = []
    operations = [step.operation for step in steps]
    if len(steps) < 2 or not isinstance(operations[0], QuantInput):
        return None
    for place, step in enumerate(steps):
        operation = step.operation
        follower = operations[place + 1] if place + 1 < len(steps) else None
        if place and step.inputs != (last,):
            return None
        last = step.output
        if isinstance(operation, QuantLayer) and isinstance(operation.layer, nn.Linear):
            link = _link(operation, follower)
            if link is None:
                return None
            links.append(link)
        elif place and not (
            isinstance(operation, QuantActivation) and isinstance(operations[place - 1], QuantLayer)
        ):
            return None
    if outputs != (last,) or not links:
        return None
    return DenseChain(operations[0].quantizer, links)


def _link(layer: QuantLayer, follower: Operation | None) -> Link | None:
    """A dense layer and the quantizer behind it, if they may be part of a chain."""
    weight, bias = layer.weight_quantizer, layer.bias_quantizer
    if bias is None or weight.spec.rounding is not Rounding.HALF_EVEN or layer.axis != 1:
        return None
    assert isinstance(layer.layer, nn.Linear)
    if follower is None:
        return Link(layer.layer, weight, bias, None, 0, layer)
    if not isinstance(follower, QuantActivation) or follower.interval not in (EVERYTHING, RELU):
        return None
    dtype = follower.quantizer.spec.dtype
    low = max(dtype.min, 0) if follower.interval.is_relu else dtype.min
    return Link(layer.layer, weight, bias, follower.quantizer, low, layer)
