"""An encoder in one small file: int8 weights of the blocks that are kept, and how they came to be.

The embeddings are not in it: fine-tuning leaves them as they were, so they are taken from the
encoder that was fine-tuned, and a digest says whether they are the right ones.

The file has 8 bytes of magic text, the SHA-256 of all that follows, the length of the header
(32 bits, little-endian), the header in JSON, and the arrays, compressed by zlib: for each tensor in
the order of :func:`tensor_shapes` float32 values, or, for a matrix of a layer, one bit for each
block, the largest magnitude of each row (float32) and the codes of the blocks that are kept (int8).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.linear import round_rows, row_steps
from netwright.backends.cpu.weights import (
    Array,
    EncoderWeights,
    prefix_hint,
    read_state,
    tensor_shapes,
    to_array,
)
from netwright.errors import DataError, NetwrightError, NumericsError
from netwright.exchange.bert.shape import EncoderShape, check_blocks
from netwright.files import write_atomic
from netwright.reading import parse_json, read_bytes

MAGIC = b"NWENCOD1"
EMBEDDINGS = "embeddings."
MAX_BYTES = 1 << 28
"""Most bytes of a file, and of its arrays."""

Recipe = Mapping[str, str | int | float]

_HEADER = struct.Struct("<8s32sI")
_HINT = "get it again, or write it again with netwright.backends.cpu.save_encoder"


@dataclass(frozen=True, slots=True, eq=False)
class StoredEncoder:
    """What a file holds.

    Attributes:
        weights: The encoder; every weight of its layers is a code times the step of its row.
        recipe: How it was trained and what was measured then.
    """

    weights: EncoderWeights
    recipe: Recipe


def save_encoder(
    weights: EncoderWeights, path: Path | str, *, recipe: Recipe, block_rows: int = 4
) -> Path:
    """Write an encoder without its embeddings; equal encoders give equal files.

    Args:
        weights: The encoder with the ranges of its activations.
        path: The file; it appears whole or not at all.
        recipe: Anything worth knowing about the encoder: text and numbers by name.
        block_rows: Outputs of a block, 4 or 8.

    Returns:
        `path`.

    Raises:
        ConfigError: `block_rows` is neither 4 nor 8.
        DataError: The ranges are missing, `block_rows` does not divide the outputs, or the recipe
            holds something else.
        RunError: The file cannot be written.
    """
    check_blocks(weights.shape, block_rows)
    if not weights.ranges:
        raise DataError(
            "the encoder has no ranges of activations", hint="call calibrate with some sentences"
        )
    parts = []
    for name, tensor in weights.tensors.items():
        if name.startswith(EMBEDDINGS):
            continue
        if not _is_matrix(name, tensor.shape):
            parts.append(tensor.astype("<f4").tobytes())
            continue
        codes, largest = round_rows(tensor)
        blocks = codes.reshape(-1, block_rows, codes.shape[1]).swapaxes(1, 2)
        kept = blocks.any(axis=2)
        parts += [np.packbits(kept).tobytes(), largest.astype("<f4").tobytes()]
        parts.append(blocks[kept].tobytes())
    header = {
        "shape": asdict(weights.shape),
        "block_rows": block_rows,
        "embeddings": _digest(weights.tensors, weights.shape),
        "ranges": [
            [layer, site, found.low, found.high]
            for (layer, site), found in sorted(weights.ranges.items())
        ],
        "recipe": _plain(recipe),
    }
    text = json.dumps(header, sort_keys=True).encode()
    body = struct.pack("<I", len(text)) + text + zlib.compress(b"".join(parts), 9)
    data = MAGIC + hashlib.sha256(body).digest() + body
    return write_atomic(Path(path), lambda stream: stream.write(data))


def load_encoder(path: Path | str, embeddings: Mapping[str, Any]) -> StoredEncoder:
    """Read what :func:`save_encoder` wrote. The file is not trusted.

    Args:
        path: The file.
        embeddings: The tensors whose names begin with ``embeddings.``; others are ignored.

    Raises:
        DataError: The file is missing, truncated, altered or describes no encoder, or the
            embeddings are incomplete or not those of the encoder that was stored.
        NumericsError: A value is not finite.
    """
    source = str(path)
    data = read_bytes(path, most=MAX_BYTES)
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise DataError("not a file of a stored encoder, version 1", source=source, hint=_HINT)
    _, digest, length = _HEADER.unpack_from(data)
    if hashlib.sha256(data[len(MAGIC) + len(digest) :]).digest() != digest:
        raise DataError(
            "was truncated or altered: its digest does not fit", source=source, hint=_HINT
        )
    header = parse_json(data[_HEADER.size : _HEADER.size + length], path, hint=_HINT)
    try:
        shape = EncoderShape(**header["shape"])
        block_rows, wanted = header["block_rows"], str(header["embeddings"])
        recipe = dict(header["recipe"])
        bounds = _bounds(header["ranges"])
        check_blocks(shape, block_rows)
        state = _read_tensors(data[_HEADER.size + length :], shape, block_rows)
    except NetwrightError as error:
        raise DataError(error.message, source=source, hint=_HINT) from None
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, zlib.error) as error:
        raise DataError(
            f"describes no encoder ({type(error).__name__})", source=source, hint=_HINT
        ) from None
    known = _embeddings(embeddings, shape, source)
    found = _digest(known, shape)
    if found != wanted:
        raise DataError(
            f"needs the embeddings with the digest {wanted}, not {found}",
            source=source,
            hint="they are those of the encoder that was fine-tuned",
        )
    try:
        return StoredEncoder(read_state({**known, **state, **bounds}, shape), recipe)
    except NumericsError as error:
        raise NumericsError(f"{source}: {error.message}", hint=_HINT) from None
    except DataError as error:
        raise DataError(error.message, source=source, hint=_HINT) from None


def _bounds(ranges: Any) -> dict[str, float]:
    found = {}
    for layer, site, *ends in ranges:
        for end, value in zip(("low", "high"), ends, strict=True):
            if not isinstance(value, (int, float)):
                raise TypeError
            found[f"encoder.layer.{int(layer)}.grids.{site}.{end}"] = float(value)
    return found


def _embeddings(given: Mapping[str, Any], shape: EncoderShape, source: str) -> dict[str, Array]:
    """The embeddings of an encoder of this shape, out of tensors of any library."""
    wanted = [name for name in tensor_shapes(shape) if name.startswith(EMBEDDINGS)]
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(
            "needs embeddings that are missing: " + ", ".join(missing),
            source=source,
            hint=prefix_hint(given, missing),
        )
    return {name: to_array(name, given[name]) for name in wanted}


def _read_tensors(data: bytes, shape: EncoderShape, block_rows: int) -> dict[str, Array]:
    extents = {
        name: wanted
        for name, wanted in tensor_shapes(shape).items()
        if not name.startswith(EMBEDDINGS)
    }
    most = sum(5 * math.prod(wanted) for wanted in extents.values())
    if most > MAX_BYTES:
        raise DataError(f"an encoder of {most} bytes is larger than {MAX_BYTES}")
    expander = zlib.decompressobj()
    reader = _Reader(expander.decompress(data, most + 1))
    tensors: dict[str, Array] = {}
    for name, wanted in extents.items():
        if not _is_matrix(name, wanted):
            tensors[name] = reader.take("<f4", math.prod(wanted)).reshape(wanted)
            continue
        rows, columns = wanted
        count = rows // block_rows * columns
        bits = np.unpackbits(reader.take("u1", -(-count // 8)), count=count)
        kept = bits.astype(bool).reshape(-1, columns)
        largest = reader.take("<f4", rows)
        if not (np.isfinite(largest).all() and largest.min() >= 0):
            raise DataError(f'the magnitudes of "{name}" must be finite and not negative')
        blocks = np.zeros((*kept.shape, block_rows), np.int8)
        blocks[kept] = reader.take("i1", int(kept.sum()) * block_rows).reshape(-1, block_rows)
        codes = blocks.swapaxes(1, 2).reshape(wanted)
        # The largest of a row has the code 127 and is kept as it was, so that rounding the row
        # again gives the same codes and the same step.
        ends = np.sign(codes) * largest[:, None]
        values = np.where(np.abs(codes) == 127, ends, codes * row_steps(largest)[:, None])
        tensors[name] = values.astype(np.float32)
    if reader.left or not expander.eof or expander.unused_data:
        raise DataError("has more bytes than the shape in its header needs")
    return tensors


class _Reader:
    """Takes arrays from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, dtype: str, count: int) -> NDArray[Any]:
        size = np.dtype(dtype).itemsize * count
        if size > self.left:
            raise DataError("has fewer bytes than the shape in its header needs")
        found = np.frombuffer(self._data, dtype, count, self._at)
        self._at += size
        return found


def _is_matrix(name: str, extents: tuple[int, ...]) -> bool:
    return name.startswith("encoder.") and len(extents) == 2


def _plain(recipe: Recipe) -> dict[str, str | int | float]:
    """The recipe with its numbers as JSON has them."""
    found = {}
    for name, given in recipe.items():
        value = given.item() if isinstance(given, np.generic) else given
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise DataError(
                f"the recipe must hold text and numbers by name, not {given!r} by {name!r}"
            )
        found[name] = value
    return found


def _digest(tensors: Mapping[str, Array], shape: EncoderShape) -> str:
    """SHA-256 of the embeddings, in the order of their names."""
    state = hashlib.sha256()
    for name in sorted(tensor_shapes(shape)):
        if name.startswith(EMBEDDINGS):
            state.update(f"{name} {tuple(tensors[name].shape)}".encode())
            state.update(np.ascontiguousarray(tensors[name], dtype="<f4").tobytes())
    return state.hexdigest()
