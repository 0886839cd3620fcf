from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.backends.cpu import calibrate, float_logits, read_state
from netwright.backends.cpu.weights import Range
from netwright.errors import DataError, NumericsError
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
