from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError, UnsupportedOp
from netwright.exchange.hgq.builder import HgqBuilder, Value
from netwright.exchange.hgq.formats import Formats
from netwright.exchange.hgq.windows import Window, convolve, join, moved, pool, tabulate, total
from netwright.formats import Overflow, Rounding
from netwright.ir import Interpreter, real_values

ROWS = np.round(np.random.default_rng(0).normal(size=(20, 5, 4)) * 4) / 4
CHANNELS = np.array([2, 4, 3, 2])
"""Fraction bits of each channel; the rows have two."""


def formats(fractions: np.ndarray, integers: int = 4) -> Formats:
    whole = np.full(fractions.shape, integers)
    signed = np.ones(fractions.shape, bool)
    return Formats(signed, whole, fractions, Rounding.HALF_UP, Overflow.WRAP)


def entered() -> tuple[HgqBuilder, Value]:
    builder = HgqBuilder()
    builder.enter("x", (5, 4))
    return builder, builder.take("x", formats(np.broadcast_to(CHANNELS, (5, 4))), "first")


def found(builder: HgqBuilder, value: Value) -> np.ndarray:
    graph = builder.finish("net", value, "")
    (output,) = graph.outputs
    return real_values(graph, output, Interpreter.of(graph).run(ROWS)[output])


def test_same_padding_lies_as_in_tensorflow() -> None:
    window = Window((3, 2), (2, 1), (1, 2), "same")
    assert window.pads((6, 5)) == (0, 1, 1, 1)
    assert window.attrs((5, 5)) == {"strides": (2, 1), "pads": (1, 1, 1, 1)}


@pytest.mark.parametrize("groups", [1, 2])
def test_steps_of_channels_go_into_the_kernel(groups: int) -> None:
    builder, value = entered()
    kernel = np.round(np.random.default_rng(1).normal(size=(2, 4 // groups, 6)) * 8) / 8
    bias = np.arange(6) / 8
    window = Window((2,), (1,), (1,), "valid")
    made = found(builder, convolve(builder, value, kernel, bias, window, groups, "c"))
    wanted = np.empty((20, 4, 6))
    for output in range(6):
        first = output // (6 // groups) * (4 // groups)
        for place in range(4):
            part = ROWS[:, place : place + 2, first : first + 4 // groups]
            wanted[:, place, output] = (part * kernel[..., output]).sum(axis=(1, 2)) + bias[output]
    assert np.array_equal(made, wanted)


def test_pools_keep_the_steps_of_channels() -> None:
    window = Window((2,), (2,), (1,), "valid")
    for largest in (True, False):
        builder, value = entered()
        made = found(builder, pool(builder, value, window, "p", largest=largest))
        pairs = ROWS[:, :4].reshape(20, 2, 2, 4)
        assert np.array_equal(made, pairs.max(axis=2) if largest else pairs.mean(axis=2))


@pytest.mark.parametrize("window", [Window((3,), (1,), (1,), "valid"),
                                    Window((2,), (1,), (1,), "same")])  # fmt: skip
def test_means_that_lie_on_no_grid_are_refused(window: Window) -> None:
    builder, value = entered()
    with pytest.raises(UnsupportedOp, match="average of"):
        pool(builder, value, window, "p", largest=False)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_sums_over_axes(axes: tuple[int, ...]) -> None:
    builder, value = entered()
    made = found(builder, total(builder, value, axes, 0.25, "sum"))
    wanted = ROWS.sum(axis=tuple(axis + 1 for axis in axes), keepdims=True) / 4
    assert np.array_equal(made, wanted)


@pytest.mark.parametrize("axis", [0, 1])
def test_joins_keep_every_value(axis: int) -> None:
    builder, value = entered()
    coarse = builder.quantize(value, formats(np.zeros((5, 4), int)), "coarse")
    made = found(builder, join(builder, [value, coarse, value], axis, "join"))
    wanted = np.concatenate([ROWS, np.floor(ROWS + 0.5), ROWS], axis=axis + 1)
    assert np.array_equal(made, wanted)


def test_axes_that_stay_are_not_moved() -> None:
    builder, value = entered()
    assert moved(builder, value, (0, 1), "m") is value
    assert np.array_equal(found(builder, moved(builder, value, (1, 0), "m")),
                          ROWS.transpose(0, 2, 1))  # fmt: skip


@pytest.mark.parametrize("fractions", [np.array([3, 0, 2, 5]), np.arange(20).reshape(5, 4) % 7])
def test_tables_hold_the_rounded_function(fractions: np.ndarray) -> None:
    builder, value = entered()
    own = formats(np.broadcast_to(fractions, (5, 4)), integers=1)
    made = found(builder, tabulate(builder, value, "tanh", own, "t"))
    steps = 2.0**-fractions
    assert np.array_equal(made, np.floor(np.tanh(ROWS) / steps + 0.5) * steps)


@pytest.mark.parametrize(
    ("function", "fractions", "noted"),
    [("softplus", [1, 3, 2, 1], True), ("sigmoid", [0] * 4, False), ("elu", [1] * 4, False)],
)
def test_entries_near_a_tie_are_noted(function: str, fractions: list[int], noted: bool) -> None:
    """Far from zero softplus is nearly its argument; sigmoid(0) and elu above zero are exact."""
    builder, value = entered()
    own = formats(np.broadcast_to(fractions, (5, 4)))
    tabulate(builder, value, function, own, "t")
    texts = [note.text for note in builder.notes]
    assert len(texts) == noted
    wanted = f"entries of a table of {function} lie so near a tie that HGQ2 may round them"
    assert all(wanted in text for text in texts)


def test_a_table_of_too_many_codes_is_refused() -> None:
    builder = HgqBuilder()
    builder.enter("x", (2,))
    value = builder.take("x", formats(np.full(2, 16)), "first")
    with pytest.raises(GraphError, match="a table of tanh would need 2097152 entries for each of"):
        tabulate(builder, value, "tanh", formats(np.full(2, 5)), "t")
