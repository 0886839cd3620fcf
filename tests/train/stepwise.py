"""Networks of single operations, and what must hold of each."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from netwright.formats import Int
from netwright.ir import Interpreter
from netwright.train import QuantInput, Quantizer, QuantModel, QuantSpec, trace
from netwright.train.network import Step
from netwright.train.operations import Operation

SHAPE = (4, 6)


def quantizer(scale: float, bits: int = 8, *, signed: bool = True) -> Quantizer:
    """A quantizer with this scale."""
    made = Quantizer(QuantSpec(Int(bits, signed)))
    made.set_scale(torch.tensor(scale))
    return made


def network(*operations: Operation, shape: tuple[int, ...] = SHAPE, terms: int = 1) -> QuantModel:
    """The operations behind quantized inputs of different scales."""
    inputs = {f"x{i}": shape for i in range(terms)}
    steps = [
        Step(f"q{i}", QuantInput(quantizer(2.0 ** (i - 4))), (name,), f"c{i}", "")
        for i, name in enumerate(inputs)
    ]
    reads = tuple(step.output for step in steps)
    for number, operation in enumerate(operations):
        steps.append(Step(f"op{number}", operation, reads, f"t{number}", ""))
        reads = (f"t{number}",)
    return QuantModel(nn.Module(), steps, input_shapes=inputs, outputs=reads).eval()


def rows(shape: tuple[int, ...] = SHAPE, terms: int = 1) -> list[Tensor]:
    """Normal rows, three times as wide."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(40, *shape, generator=generator) * 3 for _ in range(terms)]


def require_alike(model: QuantModel, values: list[Tensor]) -> None:
    """The simulation, the codes and the graph give the same, to the last bit."""
    with torch.no_grad():
        wanted, codes = model.eval()(*values), model.codes(*values)
        assert torch.equal(model.train()(*values).double(), wanted)
    graph = trace(model.eval(), name="net")
    arrays = {f"x{i}": value.double().numpy() for i, value in enumerate(values)}
    found = Interpreter.of(graph).run(arrays)[graph.outputs[0]]
    np.testing.assert_array_equal(found, codes.numpy())
