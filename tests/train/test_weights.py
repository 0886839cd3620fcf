from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from netwright import models
from netwright.errors import DataError, RunError
from netwright.files import write_npz
from netwright.train import load_weights, save_weights, trace
from tests.toys import clouds, quantized_mlp


def test_round_trip_of_a_float_model(tmp_path: Path) -> None:
    first, second = models.mlp(clouds(), seed=1), models.mlp(clouds(), seed=2)
    load_weights(second, save_weights(first, tmp_path / "w.npz"))
    inputs = torch.randn(5, 6)
    assert torch.equal(first(inputs), second(inputs))


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_round_trip_of_a_quantized_model_with_its_scales(tmp_path: Path, granularity: str) -> None:
    task = clouds()
    first = quantized_mlp(task, seed=1, granularity=granularity)
    second = quantized_mlp(clouds(seed=5), seed=2, granularity=granularity)
    inputs = torch.from_numpy(task.test.inputs)
    second.train()(inputs)
    load_weights(second, save_weights(first, tmp_path / "w.npz"))
    assert torch.equal(first.train()(inputs), second.train()(inputs))
    assert trace(first.eval()) == trace(second.eval())


def test_equal_weights_make_equal_files(tmp_path: Path) -> None:
    model = models.mlp(clouds())
    first, second = save_weights(model, tmp_path / "a.npz"), save_weights(model, tmp_path / "b.npz")
    assert first.read_bytes() == second.read_bytes()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_weights(models.mlp(clouds()), tmp_path / "w.npz")
    assert str(caught.value) == f"{tmp_path}/w.npz: no such file"


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_weights(models.mlp(clouds()), path)
    assert str(caught.value).startswith(f"{path}: not a weights file (")
    assert str(caught.value).endswith("hint: write it again with netwright.train.save_weights")


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, kept: float) -> None:
    path = save_weights(models.mlp(clouds()), tmp_path / "w.npz")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DataError, match="not a weights file"):
        load_weights(models.mlp(clouds()), path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, weight=np.array([object()], dtype=object))
    with pytest.raises(DataError, match="must hold numbers or text, not object"):
        load_weights(models.mlp(clouds()), path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = save_weights(models.mlp(clouds(), hidden=(8,)), tmp_path / "w.npz")
    with pytest.raises(DataError) as caught:
        load_weights(models.mlp(clouds(), hidden=(8, 4)), path)
    assert str(caught.value) == (
        f'{path}: weights of another model: "fc2.bias" has shape (3,), the model needs (4,) '
        "(4 such entries)"
    )


HOSTILE = {
    "fc1.weight": (
        np.full((8, 6), np.nan, dtype=np.float32),
        '"fc1.weight" must hold finite numbers',
    ),
    "fc1.bias": (np.full(8, "a"), '"fc1.bias" must hold finite numbers'),
    "fc2.weight_quantizer.scale": (
        np.array(-1.0),
        "quantizer scales must be positive and finite",
    ),
    "quantize_input.quantizer.scale": (
        np.array(0.0),
        "quantizer scales must be positive and finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_impossible_values_are_refused_and_nothing_is_loaded(tmp_path: Path, key: str) -> None:
    model, other = quantized_mlp(clouds(), seed=1), quantized_mlp(clouds(), seed=2)
    values, message = HOSTILE[key]
    arrays = {name: value.numpy() for name, value in other.state_dict().items()}
    path = write_npz(tmp_path / "w.npz", {**arrays, _found(key, arrays): values})
    before = trace(model)
    with pytest.raises(DataError) as caught:
        load_weights(model, path)
    assert str(caught.value).replace(_found(key, arrays), key) == f"{path}: {message}"
    assert trace(model) == before


def _found(key: str, arrays: dict[str, np.ndarray]) -> str:
    """The name of the entry in a quantized model: its layers keep their paths."""
    layer, _, rest = key.partition(".")
    wanted = (key, f"network.{layer}.layer.{rest}", f"network.{key}", f"between.{key}")
    return next(name for name in wanted if name in arrays)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save_weights(models.mlp(clouds()), tmp_path / "file" / "w.npz")
