from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import (
    Range,
    build_engine,
    load_encoder,
    read_state,
    save_encoder,
)
from netwright.errors import DataError, NumericsError
from tests.backends.cpu.encoders import SHAPE, random_sentences, random_state, random_weights

RECIPE = {"task": "none", "seed": 3, "accuracy": 0.5}


@pytest.fixture
def stored(tmp_path):
    weights = random_weights(sparsity=0.8)
    return save_encoder(weights, tmp_path / "a.nwt", recipe=RECIPE), weights


def seal(header: bytes, body: bytes) -> bytes:
    rest = struct.pack("<I", len(header)) + header + zlib.compress(body)
    return b"NWENCOD1" + hashlib.sha256(rest).digest() + rest


def parts(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from("<I", data, 40)
    return json.loads(data[44 : 44 + length]), zlib.decompress(data[44 + length :])


@pytest.mark.parametrize("sparsity", [0.0, 0.8])
@pytest.mark.parametrize("block_rows", [4, 8])
def test_the_engine_of_a_stored_encoder_is_the_same(tmp_path, sparsity, block_rows):
    weights, sentences = random_weights(sparsity=sparsity), random_sentences()
    path = save_encoder(weights, tmp_path / "a.nwt", recipe=RECIPE, block_rows=block_rows)
    found = load_encoder(path, weights.tensors)
    assert found.recipe == RECIPE
    assert found.weights.ranges == weights.ranges
    wanted = build_engine(weights, way="sparse")(sentences)
    np.testing.assert_array_equal(build_engine(found.weights, way="sparse")(sentences), wanted)
    again = save_encoder(found.weights, tmp_path / "b.nwt", recipe=RECIPE, block_rows=block_rows)
    assert again.read_bytes() == path.read_bytes()


def test_zero_blocks_take_no_room(tmp_path):
    sizes = [
        save_encoder(random_weights(sparsity=share), tmp_path / "a.nwt", recipe={}).stat().st_size
        for share in (0.0, 0.9)
    ]
    assert sizes[1] < 0.5 * sizes[0]


def test_a_truncated_or_altered_file_is_refused(stored):
    path, weights = stored
    whole = path.read_bytes()
    for at in (9, 50, len(whole) // 2, len(whole) - 1):
        altered = bytearray(whole)
        altered[at] ^= 1
        for data in (whole[:at], bytes(altered)):
            path.write_bytes(data)
            with pytest.raises(DataError, match=r"digest does not fit|not a file of a stored"):
                load_encoder(path, weights.tensors)


def test_other_embeddings_are_refused(stored):
    path, _ = stored
    other = random_state(seed=1)
    with pytest.raises(DataError, match="needs the embeddings with the digest"):
        load_encoder(path, other)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no such file"):
        load_encoder(tmp_path / "none.nwt", {})
    (tmp_path / "a.nwt").write_bytes(b"P" * 100)
    with pytest.raises(DataError, match="not a file of a stored encoder, version 1"):
        load_encoder(tmp_path / "a.nwt", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": {"layers": 10**9}}, "at most 1024 layers, not 1000000000"),
        ({"shape": {"layers": "two"}}, "layers must be an integer, not 'two'"),
        ({"shape": {"vocabulary": 2**40}}, "at most 2^31 elements"),
        ({"shape": {"intermediate": 4 * 10**9}}, "is larger than"),
        ({"shape": {"intermediate": 42}}, "must be multiples of 4, not 42"),
        ({"shape": {"hidden": 24.0}}, "hidden must be an integer, not 24.0"),
        ({"shape": {"heads": 3.0}}, "heads must be an integer, not 3.0"),
        ({"shape": {"depth": 3}}, "describes no encoder (TypeError)"),
        ({"block_rows": 3}, "block_rows must be 4 or 8, not 3"),
        ({"block_rows": 4.9}, "block_rows must be 4 or 8, not 4.9"),
        ({"ranges": [[0, "input"]]}, "describes no encoder (ValueError)"),
        ({"ranges": [[0, "input", [1], 2]]}, "describes no encoder (TypeError)"),
        ({"ranges": [[9, "input", 0, 2]]}, "is beyond the 2 layers of the shape"),
        ({"recipe": 3}, "describes no encoder (TypeError)"),
    ],
)
def test_a_header_that_describes_no_encoder_is_refused(stored, change, message):
    path, weights = stored
    header, body = parts(path.read_bytes())
    for name, value in change.items():
        header[name] = {**header[name], **value} if isinstance(value, dict) else value
    path.write_bytes(seal(json.dumps(header).encode(), body))
    with pytest.raises(DataError, match=re.escape(message)):
        load_encoder(path, weights.tensors)


def test_bytes_that_are_no_json_or_no_arrays_are_refused(stored):
    path, weights = stored
    header, body = parts(path.read_bytes())
    path.write_bytes(seal(b"[" * 100_000, body))
    with pytest.raises(DataError, match=r"not JSON .nested too deeply"):
        load_encoder(path, weights.tensors)
    path.write_bytes(seal(b"[", body))
    with pytest.raises(DataError, match=r"not JSON .Expecting value"):
        load_encoder(path, weights.tensors)
    rest = struct.pack("<I", 2) + b"{}" + b"no zlib"
    path.write_bytes(b"NWENCOD1" + hashlib.sha256(rest).digest() + rest)
    with pytest.raises(DataError, match=r"describes no encoder .KeyError"):
        load_encoder(path, weights.tensors)
    text = json.dumps(header).encode()
    rest = struct.pack("<I", len(text)) + text + b"no zlib"
    path.write_bytes(b"NWENCOD1" + hashlib.sha256(rest).digest() + rest)
    with pytest.raises(DataError, match=r"describes no encoder .error"):
        load_encoder(path, weights.tensors)


def test_too_few_or_too_many_bytes_are_refused(stored):
    path, weights = stored
    header, body = parts(path.read_bytes())
    for changed, message in ((body[:-1], "has fewer bytes"), (body + b"0", "has more bytes")):
        path.write_bytes(seal(json.dumps(header).encode(), changed))
        with pytest.raises(DataError, match=f"{message} than the shape in its header needs"):
            load_encoder(path, weights.tensors)


def test_rows_without_a_finite_largest_magnitude_are_refused(stored):
    path, weights = stored
    header, body = parts(path.read_bytes())
    path.write_bytes(seal(json.dumps(header).encode(), b"\xff" * len(body)))
    with pytest.raises(DataError, match=r"the magnitudes of .+ must be finite and not negative"):
        load_encoder(path, weights.tensors)


def test_an_encoder_without_ranges_is_not_stored(tmp_path):
    weights = read_state(random_state(), SHAPE)
    with pytest.raises(DataError, match="the encoder has no ranges of activations"):
        save_encoder(weights, tmp_path / "a.nwt", recipe={})
    assert not list(tmp_path.iterdir())


def test_a_stored_range_without_zero_is_refused(stored):
    path, weights = stored
    header, body = parts(path.read_bytes())
    header["ranges"][0][2:] = [1.0, 2.0]
    path.write_bytes(seal(json.dumps(header).encode(), body))
    with pytest.raises(NumericsError, match=r"a\.nwt: .+the range 1\.0 to 2\.0 must be finite"):
        load_encoder(path, weights.tensors)


def test_a_site_that_is_always_zero_keeps_all_ranges(tmp_path):
    weights = random_weights()
    ranges = {**weights.ranges, (1, "context"): Range(0.0, 0.0)}
    weights = type(weights)(weights.shape, weights.tensors, ranges)
    path = save_encoder(weights, tmp_path / "a.nwt", recipe={})
    assert load_encoder(path, weights.tensors).weights.ranges == ranges


def test_embeddings_of_torch_and_further_tensors_are_taken(stored):
    path, weights = stored
    given = {name: torch.from_numpy(value.copy()) for name, value in weights.tensors.items()}
    given["embeddings.position_ids"] = torch.arange(70)[None]
    found = load_encoder(str(path), given).weights
    np.testing.assert_array_equal(
        found.tensors["embeddings.word_embeddings.weight"],
        weights.tensors["embeddings.word_embeddings.weight"],
    )


def test_missing_embeddings_are_named(stored):
    path, weights = stored
    given = dict(weights.tensors)
    del given["embeddings.LayerNorm.bias"]
    with pytest.raises(DataError, match=r"that are missing: embeddings\.LayerNorm\.bias$"):
        load_encoder(path, given)
    given = {f"bert.{name}": value for name, value in weights.tensors.items()}
    with pytest.raises(DataError, match='hint: remove "bert\\." from the beginning'):
        load_encoder(path, given)


def test_a_recipe_is_text_and_numbers(tmp_path):
    path = str(tmp_path / "a.nwt")
    weights = random_weights()
    save_encoder(weights, path, recipe={"accuracy": np.float32(0.5), "seed": np.int64(3)})
    assert load_encoder(path, weights.tensors).recipe == {"accuracy": 0.5, "seed": 3}
    with pytest.raises(DataError, match=re.escape("not [1] by 'steps'")):
        save_encoder(weights, path, recipe={"steps": [1]})
