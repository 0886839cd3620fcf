from copy import deepcopy

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


def test_gradients_are_those_of_gathered_entries() -> None:
    """The same sums, gathered entry by entry and differentiated by torch."""
    (layer,) = LookupModel(3, 4, LookupShape((), (4,), knots=5), seed=3).tables()
    codes = torch.from_numpy(np.random.default_rng(2).integers(-8, 8, (50, 3))).float()
    weights = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    (layer(codes) * weights).sum().backward()
    found = layer.values.grad
    layer.values.grad = None
    table = layer.functions()
    gathered = table[torch.arange(3), codes.long() + 8]
    (gathered.sum(dim=1) * weights).sum().backward()
    assert found is not None
    torch.testing.assert_close(found, layer.values.grad)


@pytest.mark.parametrize(("fraction", "input_bits"), [(0, None), (2, None), (1, 7)])
def test_graph_equals_the_model(fraction: int, input_bits: int | None) -> None:
    shape = LookupShape((4, 3), (5, 4, 3), 6, fraction, input_bits=input_bits)
    model = LookupModel(3, 2, shape, seed=2).eval()
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
        ({"logit_fraction": 9}, "logits must have 0 to 8 fraction bits, not 9"),
        ({"input_bits": 6}, "become codes of 6 bits must have more of them, up to 10, not 6"),
    ],
)
def test_shapes_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LookupShape(**settings)


def test_a_name_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(GraphError, match="must be an ASCII identifier"):
        trace_tables(LookupModel(16, 5, LookupShape(), seed=0), name="no name")


def test_all_tables_of_a_sum_but_one_begin_at_zero() -> None:
    model = LookupModel(3, 2, LookupShape((4,), (5, 4), 6), seed=2).eval()
    model.tables()[0].kept[0, 1] = 0
    graph = trace_tables(model, name="net")
    for number, layer in enumerate(model.tables()):
        lows = graph.constants[f"tables{number}"].min(axis=2)
        assert (lows[layer.kept.numpy() == 0] == 0).all()
        assert ((lows != 0).sum(axis=0) <= 1).all()


def test_codes_of_wider_inputs_are_finer_where_values_are_frequent() -> None:
    model = LookupModel(2, 2, LookupShape((2,), (3, 3), input_bits=6), seed=0)
    random = np.random.default_rng(0)
    rows = np.column_stack([random.normal(0, 0.1, 4000), random.uniform(-1, 1, 4000)])
    before = model.input_table.clone()
    model.fit_input_codes(rows)
    assert (model.input_table.diff(dim=1) >= 0).all()
    assert model.input_table.unique().tolist() == list(range(8))
    torch.testing.assert_close(model.input_table[1], before[1], atol=1, rtol=0)
    near = (torch.arange(64) - 32).abs() < 8
    assert len(model.input_table[0][near].unique()) > len(model.input_table[1][near].unique())


def test_inputs_that_are_the_codes_are_not_recoded() -> None:
    model = LookupModel(2, 2, LookupShape(), seed=0)
    with pytest.raises(ConfigError, match="do not become others"):
        model.fit_input_codes(np.zeros((4, 2)))


def test_inputs_are_read_in_fewer_bits_until_these_are_the_code() -> None:
    model = LookupModel(2, 3, LookupShape((2,), (3, 3), input_bits=5), seed=0)
    rows = np.random.default_rng(0).normal(0, 0.4, (400, 2)).astype(np.float32)
    model.fit_input_codes(rows)
    untouched = model.input_table[1].clone()
    for reads in (4, 3):
        as_looked_up = deepcopy(model)
        as_looked_up.input_table[0] = model.coarser_codes(0)
        model.read_less(0)
        assert model.input_reads.tolist() == [reads, 5]
        codes = model.input_table[0].view(1 << reads, -1)
        assert torch.equal(codes.amin(1), codes.amax(1))
        np.testing.assert_array_equal(predict(model, rows), predict(as_looked_up, rows))
    assert torch.equal(model.input_table[0], (torch.arange(32) >> 2).float())
    assert torch.equal(model.input_table[1], untouched)
    graph = trace_tables(model.eval())
    found = bit_exact(graph, TorchExecutor(model, graph), random(graph, rows=200))
    assert found.identical == found.rows == 200
