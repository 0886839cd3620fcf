from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.kernels import attend, available_isas, embed, normalize
from tests.kernels.paths import COMPILED

LENGTHS = ([1], [3, 16, 17], [64, 5, 33], [130])


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("hidden", "heads"), [(4, 1), (24, 2), (96, 3)])
def test_attention_equals_its_reference(isa, lengths, hidden, heads):
    random = np.random.default_rng(len(lengths))
    codes = random.integers(-128, 128, (3 * hidden, sum(lengths)), dtype=np.int8)
    for step in (0.001, 0.02, 0.3):
        options = {"heads": heads, "steps": (step, step / 2), "zero_point": 120}
        wanted = attend(codes, lengths, **options, isa="numpy")
        for threads in (1, 2):
            found = attend(codes, lengths, **options, isa=isa, num_threads=threads)
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("tokens", [1, 63, 64, 200])
def test_normalization_equals_its_reference(isa, tokens):
    random = np.random.default_rng(tokens)
    gain, offset = random.normal(1, 0.2, 48), random.normal(0, 0.5, 48)
    vectors = [vector.astype(np.float32) for vector in (gain, offset)]
    wanted = random.normal(0.3, 2, (48, tokens)).astype(np.float32)
    found = wanted.copy()
    options = {"epsilon": 1e-12, "step": 0.03, "zero_point": 100}
    wanted_codes = normalize(wanted, *vectors, **options, isa="numpy")
    found_codes = normalize(found, *vectors, **options, isa=isa, num_threads=2)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(found_codes, wanted_codes)


@pytest.mark.parametrize("isa", COMPILED)
def test_embedding_equals_its_reference(isa):
    random = np.random.default_rng(1)
    words = random.normal(size=(50, 24)).astype(np.float32)
    places = random.normal(size=(20, 24)).astype(np.float32)
    ids = random.integers(0, 50, 77, dtype=np.int32)
    positions = random.integers(0, 20, 77, dtype=np.int32)
    wanted = embed(ids, positions, words, places, isa="numpy")
    np.testing.assert_array_equal(embed(ids, positions, words, places, isa=isa), wanted)


def test_attention_is_close_to_softmax():
    random = np.random.default_rng(3)
    hidden, count, step = 32, 40, 0.02
    codes = random.integers(-127, 128, (3 * hidden, count), dtype=np.int8)
    found = attend(codes, [count], heads=1, steps=(step, step), zero_point=128)
    query, key, value = codes.reshape(3, hidden, count) * step
    scores = key.T @ query / np.sqrt(hidden)
    shares = np.exp(scores - scores.max(axis=0))
    wanted = value @ (shares / shares.sum(axis=0))
    assert np.abs((found.astype(float) - 128) * step - wanted).max() < 2 * step


def test_a_sentence_without_tokens_is_refused():
    codes = np.zeros((12, 4), np.int8)
    message = "lengths must be from 1 to 65535 with the sum 4, not [4, 0]"
    with pytest.raises(DataError, match=re.escape(message)):
        attend(codes, [4, 0], heads=1, steps=(1.0, 1.0), zero_point=0)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(DataError, match=re.escape("codes must have 3 x 2 x 4 n rows")):
        attend(np.zeros((12, 4), np.int8), [4], heads=2, steps=(1.0, 1.0), zero_point=0)
    with pytest.raises(DataError, match=re.escape("4 n at most 32768, not 98316")):
        attend(np.zeros((98316, 1), np.int8), [1], heads=1, steps=(1.0, 1.0), zero_point=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.zeros((12, 4))}, "codes must be int8 of shape (rows, tokens), not float64"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"steps": (0.0, 1.0)}, "a step must be above zero and below 1e+15, not 0.0"),
        ({"steps": (1.0, float("nan"))}, "a step must be above zero and below 1e+15, not nan"),
        ({"num_threads": 0}, "num_threads must be from 1 to 256, not 0"),
    ],
)
def test_attention_refuses(change, message):
    given = {"codes": np.zeros((12, 4), np.int8), "heads": 1, "steps": (1.0, 1.0), **change}
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        attend(given.pop("codes"), [4], zero_point=0, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros((4, 3))}, "values must be float32 of shape (features, tokens), not"),
        ({"values": np.zeros((3, 4), np.float32).T}, "values must be writeable and in C order"),
        ({"offset": np.zeros(5, np.float32)}, "offset must be float32 of shape (4,), not float32"),
        ({"step": 0.0}, "a step must be above zero and below 1e+15, not 0.0"),
        ({"num_threads": 257}, "num_threads must be from 1 to 256, not 257"),
    ],
)
def test_normalization_refuses(change, message):
    vector = np.ones(4, np.float32)
    given = {"values": np.zeros((4, 3), np.float32), "gain": vector, "offset": vector}
    given |= {"epsilon": 1e-5, "step": 1.0, "zero_point": 0, **change}
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        normalize(**given)


def test_attention_takes_any_memory_order():
    codes = np.random.default_rng(0).integers(-128, 128, (24, 9), dtype=np.int8)
    options = {"heads": 2, "steps": (0.02, 0.02), "zero_point": 3}
    found = attend(np.asfortranarray(codes), [4, 5], **options)
    np.testing.assert_array_equal(found, attend(codes, [4, 5], **options, isa="numpy"))


def test_a_word_outside_the_table_is_refused():
    table = np.zeros((3, 4), np.float32)
    zero = np.array([0], np.int32)
    with pytest.raises(DataError, match="ids must be from 0 to 2, not 3 to 3"):
        embed(np.array([3], np.int32), zero, table, table)
    with pytest.raises(DataError, match=re.escape("places must be float32 of shape")):
        embed(zero, zero, table, table[:, :3])
    with pytest.raises(DataError, match=r"ids must be int32 of shape .* not int64"):
        embed(zero.astype(np.int64), zero, table, table)


def test_no_tokens_are_refused():
    table, none = np.zeros((3, 4), np.float32), np.zeros(0, np.int32)
    with pytest.raises(DataError, match=re.escape("ids must be int32 of shape (tokens,), not")):
        embed(none, none, table, table)
    with pytest.raises(DataError, match="lengths must be at least 1"):
        normalize(
            np.zeros((4, 0), np.float32), table[0], table[0], epsilon=1e-5, step=1.0, zero_point=0
        )


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("name", ["gain", "offset"])
def test_values_over_their_own_gain_are_refused(isa: str, name: str) -> None:
    memory = np.ones(3 * 5, np.float32)
    vectors = {"gain": np.ones(3, np.float32), "offset": np.ones(3, np.float32)}
    vectors[name] = memory[12:]
    with pytest.raises(DataError, match=f"^values must not share memory with {name}$"):
        normalize(memory.reshape(3, 5), **vectors, epsilon=1e-5, step=0.1, zero_point=3, isa=isa)
