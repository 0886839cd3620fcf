import numpy as np
import pytest
import torch

from netwright import ir
from netwright.errors import ConfigError, GraphError
from netwright.train import (
    LookupModel,
    LookupShape,
    TorchExecutor,
    predict,
    trace_tables,
)
from netwright.verify import bit_exact, corners, random

SHAPE = LookupShape(hidden=(4, 3), bits=(5, 4, 3), knots=6)


def test_training_and_evaluation_give_the_same_logits() -> None:
    model = LookupModel(3, 2, SHAPE, seed=1)
    rows = torch.from_numpy(np.random.default_rng(0).normal(0, 0.6, (200, 3)).astype(np.float32))
    with torch.no_grad():
        trained = model.train()(rows)
        exact = model.eval()(rows)
    torch.testing.assert_close(trained.double(), exact)


def test_gradient_of_a_code_is_the_slope_of_its_functions() -> None:
    """Functions that are straight lines: the gradient is their slope, whatever the code."""
    model = LookupModel(1, 1, LookupShape(hidden=(1,), bits=(6, 6), knots=2), seed=0)
    first, second = model.tables()
    with torch.no_grad():
        first.values.copy_(torch.tensor([[[-1.0], [1.0]]]))
        second.values.copy_(torch.tensor([[[-63.0], [63.0]]]))
    codes = torch.tensor([[3.0]], requires_grad=True)
    second(codes).sum().backward()
    assert codes.grad is not None
    assert float(codes.grad) == pytest.approx(2.0)


@pytest.mark.parametrize("fraction", [0, 2])
def test_graph_equals_the_model(fraction: int) -> None:
    model = LookupModel(3, 2, LookupShape((4, 3), (5, 4, 3), 6, fraction), seed=2).eval()
    model.tables()[0].kept[1, 2] = 0
    graph = trace_tables(model, name="net")
    executor = TorchExecutor(model, graph)
    for stimulus in (corners(graph), random(graph, rows=300, seed=0)):
        result = bit_exact(graph, executor, stimulus)
        assert result.identical == result.rows
    rows = np.random.default_rng(1).normal(0, 0.5, (50, 3))
    codes = ir.interpret(graph, rows)[graph.outputs[0]]
    np.testing.assert_array_equal(
        ir.real_values(graph, graph.outputs[0], codes), predict(model, rows)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": (6,)}, "with 1 hidden layers needs 2 widths of codes, not 1"),
        ({"bits": (6, 9)}, "codes must have 2 to 8 bits"),
        ({"knots": 1}, "functions 2 or more knots"),
        ({"hidden": (0,)}, "hidden layers must have 1 or more sums"),
        ({"fraction": 5}, "0 to 4 fraction bits"),
    ],
)
def test_shapes_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LookupShape(**settings)


def test_a_name_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(GraphError, match="must be an ASCII identifier"):
        trace_tables(LookupModel(16, 5, LookupShape(), seed=0), name="no name")
