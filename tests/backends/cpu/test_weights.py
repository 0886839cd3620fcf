from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import calibrate, float_logits, read_state
from netwright.backends.cpu.weights import Range
from netwright.errors import DataError, NumericsError
from netwright.exchange.bert.shape import SITES
from tests.backends.cpu.encoders import SHAPE, random_sentences, random_state


def test_a_value_that_is_no_number_is_refused():
    state = random_state()
    state["encoder.layer.1.output.dense.weight"][3, 2] = np.nan
    message = 'tensor "encoder.layer.1.output.dense.weight": must be finite, not nan at (3, 2)'
    with pytest.raises(NumericsError, match=re.escape(message)):
        read_state(state, SHAPE)


def test_missing_and_misshapen_tensors_are_all_named():
    state = random_state()
    del state["classifier.bias"]
    state["embeddings.LayerNorm.bias"] = np.zeros(3, np.float32)
    message = (
        'tensor "embeddings.LayerNorm.bias" must have shape (24,), not (3,); '
        'tensor "classifier.bias" is missing'
    )
    with pytest.raises(DataError, match=re.escape(message)):
        read_state(state, SHAPE)


def test_an_absurd_shape_is_refused_before_memory_is_taken():
    wide = type(SHAPE)(hidden=24, heads=3, vocabulary=1 << 40)
    with pytest.raises(DataError, match="must have at most 2\\^31 elements"):
        read_state({}, wide)


def test_masks_are_multiplied_in():
    state = random_state()
    name = "encoder.layer.0.output.dense"
    state[f"{name}.mask"] = np.zeros_like(state[f"{name}.weight"])
    assert not read_state(state, SHAPE).tensors[f"{name}.weight"].any()


def test_a_range_without_zero_is_refused():
    state = random_state()
    state["encoder.layer.0.grids.input.low"] = np.float32(1)
    state["encoder.layer.0.grids.input.high"] = np.float32(2)
    with pytest.raises(NumericsError, match=re.escape("the range 1.0 to 2.0 must be finite")):
        read_state(state, SHAPE)


def test_ranges_hold_what_was_observed():
    weights = calibrate(read_state(random_state(), SHAPE), random_sentences())
    seen = []
    float_logits(weights, random_sentences()[2], lambda *found: seen.append(found))
    for layer, site, values in seen:
        bounds = weights.ranges[layer, site]
        assert values.max() <= bounds.high
        assert values.min() >= bounds.low or site == "before_gelu"


def test_codes_of_a_range():
    assert Range(-1.0, 4.1).zero_point == 50
    assert Range(-2.54, 1.0, signed=True).step == pytest.approx(0.02)
    assert Range(-2.54, 1.0, signed=True).zero_point == 0


@pytest.mark.parametrize("ends", [(1.0, 2.0), (-1.0, np.inf), (np.nan, 0.0), (0.0, 1e300)])
def test_ends_that_bound_no_range_are_refused(ends):
    with pytest.raises(NumericsError, match="must be finite and hold 0"):
        Range(*ends)


def with_ranges(low, high):
    state = random_state()
    for layer in range(SHAPE.layers):
        for site in SITES:
            prefix = f"encoder.layer.{layer}.grids.{site}"
            state |= {f"{prefix}.low": low, f"{prefix}.high": high}
    return state


def test_a_degenerate_range_is_kept_beside_others():
    state = with_ranges(np.float32(-1), np.float32(1))
    for end in ("low", "high"):
        state[f"encoder.layer.1.grids.context.{end}"] = np.float32(0)
    ranges = read_state(state, SHAPE).ranges
    assert len(ranges) == SHAPE.layers * len(SITES)
    assert ranges[1, "context"] == Range(0.0, 0.0)


def test_ranges_that_were_never_observed_are_none():
    assert read_state(with_ranges(np.float32(0), np.float32(0)), SHAPE).ranges == {}


def test_an_end_that_is_no_number_is_refused():
    with pytest.raises(DataError, match=r"the ends of the range .+ must be numbers, not \[1\]"):
        read_state(with_ranges([1], 2.0), SHAPE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pooler.dense.weight", "the classifier here acts on the mean over the tokens"),
        ("encoder.layer.2.output.dense.bias", "is beyond the 2 layers of the shape"),
        (f"encoder.layer.{'9' * 5000}.x", "is beyond the 2 layers of the shape"),
        ("encoder.layer.0.adapter.weight", 'adapter.weight" is none of such an encoder'),
    ],
)
def test_tensors_that_would_change_the_logits_are_refused(name, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_state({**random_state(), name: np.zeros(2)}, SHAPE)


def test_names_with_a_prefix_are_noticed():
    state = {
        name if name.startswith("classifier") else f"bert.{name}": value
        for name, value in random_state().items()
    }
    with pytest.raises(DataError, match=r'hint: remove "bert\." from the beginning of the names'):
        read_state(state, SHAPE)
    del state["bert.embeddings.LayerNorm.bias"]
    with pytest.raises(DataError) as caught:
        read_state(state, SHAPE)
    assert caught.value.hint is None


def test_tensors_of_torch_are_converted():
    state = {
        name: torch.nn.Parameter(torch.from_numpy(value).to(torch.bfloat16))
        for name, value in with_ranges(np.zeros(()), np.ones(())).items()
    }
    found = read_state(state, SHAPE)
    name = "classifier.weight"
    np.testing.assert_array_equal(found.tensors[name], state[name].detach().float().numpy())
    assert found.ranges[0, "input"] == Range(0.0, 1.0)


@pytest.mark.parametrize("value", [["a", "b"], [1j, 2j], np.array([None, 1]), [[1], 2], "text"])
def test_what_is_no_array_of_numbers_is_refused(value):
    with pytest.raises(DataError, match=r'"classifier\.bias" must (be an array|have shape)'):
        read_state({**random_state(), "classifier.bias": value}, SHAPE)


def test_lists_are_converted():
    state = {**random_state(), "classifier.bias": [1, 2]}
    np.testing.assert_array_equal(read_state(state, SHAPE).tensors["classifier.bias"], [1, 2])


def test_a_mask_of_another_shape_is_refused():
    state = {**random_state(), "encoder.layer.0.output.dense.mask": np.ones(40)}
    with pytest.raises(DataError, match=r"the mask of .+ must have shape \(24, 40\), not \(40,\)"):
        read_state(state, SHAPE)


def test_activations_that_overflow_are_refused():
    state = random_state()
    state["encoder.layer.1.attention.self.key.weight"] *= np.float32(1e38)
    message = 'the activations of "attention" in layer 1 must be finite'
    with np.errstate(all="ignore"), pytest.raises(NumericsError, match=message):
        calibrate(read_state(state, SHAPE), random_sentences())
