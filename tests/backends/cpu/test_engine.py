from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.backends.cpu import engine as engine_module
from netwright.backends.cpu.encoders import build_engine, float_logits, read_state
from netwright.errors import ConfigError, DataError, NumericsError
from netwright.kernels import available_isas
from tests.backends.cpu.encoders import SHAPE, random_sentences, random_state, random_weights


@pytest.mark.parametrize("sparsity", [0.0, 0.8])
def test_every_path_equals_the_reference(sparsity):
    weights, sentences = random_weights(sparsity=sparsity), random_sentences((7, 16, 1, 50), 3)
    wanted = build_engine(weights, way="sparse", isa="numpy")(sentences)
    for isa in available_isas():
        for threads in (1, 2):
            engine = build_engine(weights, way="sparse", isa=isa, num_threads=threads)
            np.testing.assert_array_equal(engine(sentences), wanted)


def test_the_dense_way_equals_the_sparse_way():
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    weights, sentences = random_weights(), random_sentences()
    wanted = build_engine(weights, way="sparse")(sentences)
    np.testing.assert_array_equal(build_engine(weights, way="dense")(sentences), wanted)


def test_integers_are_close_to_float():
    weights, sentences = random_weights(), random_sentences()
    wanted = np.stack([float_logits(weights, sentence) for sentence in sentences])
    found = build_engine(weights, way="sparse")(sentences)
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


def test_logits_do_not_depend_on_the_other_sentences():
    engine = build_engine(random_weights(), way="sparse")
    sentences = random_sentences((30, 64) * 12)
    together = engine(sentences)
    alone = np.concatenate([engine([sentence]) for sentence in sentences])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_the_profile_names_every_step():
    profile: dict[str, float] = {}
    build_engine(random_weights(), way="sparse")(random_sentences(), profile=profile)
    assert len(profile) == 8
    assert all(seconds >= 0 for seconds in profile.values())


def test_the_choice_follows_the_break_even():
    class Halfway:
        def choose(self, shape, sparsity, block_rows=4, **options):
            return "sparse" if sparsity >= 0.5 else "dense"

    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    for sparsity, way in ((0.2, "dense"), (0.8, "sparse")):
        engine = build_engine(random_weights(sparsity=sparsity), break_even=Halfway())
        assert {choice.way for choice in engine.choices} == {way}
        assert len(engine.choices) == 8


def test_missing_ranges_are_refused():
    with pytest.raises(DataError, match="the encoder has no ranges of activations"):
        build_engine(read_state(random_state(), SHAPE))


def test_extents_that_are_no_multiple_of_the_block_are_refused():
    weights = random_weights()
    odd = type(SHAPE)(hidden=36, layers=1, heads=3, intermediate=40, vocabulary=9, positions=9)
    ranges = {key: item for key, item in weights.ranges.items() if key[0] == 0}
    other = type(weights)(odd, random_state(odd), ranges)
    with pytest.raises(DataError, match="the encoder's extents must be multiples of 8, not 36"):
        build_engine(other, block_rows=8)


def test_sums_that_could_leave_int32_are_refused(monkeypatch):
    def refuse(*_, **__):
        raise NumericsError("row 5 can reach 0 or 4294967296", hint="split the weights")

    monkeypatch.setattr(engine_module, "quantize_linear", refuse)
    message = r'tensor "0.query, key, value": row 5 can reach .+\nhint: split the weights'
    with pytest.raises(NumericsError, match=message):
        build_engine(random_weights(), way="sparse")


@pytest.mark.parametrize("way", ["sparse", "dense"])
def test_a_bias_far_above_its_weights_is_kept(way):
    if way == "dense":
        pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    weights = random_weights(sparsity=0.8)
    name = "encoder.layer.1.output.dense"
    matrix = weights.tensors[f"{name}.weight"].copy()
    bias = weights.tensors[f"{name}.bias"].copy()
    matrix[5], matrix[5, 0], bias[5] = 0, 1e-9, 3
    tensors = {**weights.tensors, f"{name}.weight": matrix, f"{name}.bias": bias}
    other = type(weights)(SHAPE, tensors, weights.ranges)
    sentences = random_sentences()
    found = build_engine(other, way=way)(sentences)
    wanted = np.stack([float_logits(other, sentence) for sentence in sentences])
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"way": "Dense"}, 'way must be "sparse" or "dense", not \'Dense\''),
        ({"block_rows": 0}, "block_rows must be 4 or 8, not 0"),
        ({"block_rows": 3}, "block_rows must be 4 or 8, not 3"),
        ({"num_threads": 0}, "num_threads must be an integer from 1 to 256, not 0"),
        ({"way": "x", "num_threads": "2"}, "'x'; num_threads must be an integer from 1 to 256"),
    ],
)
def test_options_that_no_engine_takes_are_refused(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_engine(random_weights(), **options)
