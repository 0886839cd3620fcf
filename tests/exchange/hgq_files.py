"""Keras files of HGQ2 for the tests, written without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

h5py = pytest.importorskip("h5py", reason="needs the extra hgq")

DATA = Path(__file__).parent / "data"
MODELS = (
    "hgq_dense",
    "hgq_every_layer",
    "hgq_modes",
    "hgq_convolutions",
    "hgq_sequences",
    "hgq_tables",
    "hgq_pairs",
)

KIF = {"q_type": "kif", "round_mode": "RND", "overflow_mode": "WRAP"}
KBI = {"q_type": "kbi", "round_mode": "RND", "overflow_mode": "SAT_SYM"}


def quantizer(path: str, config: Mapping[str, Any], *bits: object) -> dict[str, np.ndarray]:
    """The arrays of a quantizer: sign, integer and fraction bits."""
    signed, integers, fractions = (np.asarray(values) for values in bits)
    sign = signed.astype(np.uint8)
    found = [fractions, sign, integers]
    if config is not KIF:
        found = [integers + fractions, integers, sign]
    return {f"{path}/quantizer/vars/{i}": values for i, values in enumerate(found)}


def input_layer(width: int, name: str = "x") -> dict[str, Any]:
    config = {"name": name, "batch_shape": [None, width]}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config}


def dense_layer(name: str, **changes: object) -> dict[str, Any]:
    own = {"kq_conf": KBI, "bq_conf": KBI, "iq_conf": KIF}
    config = {"name": name, "activation": "linear", "use_bias": True, "enable_iq": True}
    config |= {key: {"config": value} for key, value in own.items()}
    return {"module": "hgq.layers", "class_name": "QDense", "config": {**config, **changes}}


def dense_arrays(
    kernel: np.ndarray, bias: np.ndarray, number: int = 0, *, fractions: object = 2
) -> dict[str, np.ndarray]:
    """The arrays of a dense layer whose inputs have 2 integer bits and a sign."""
    path = f"layers/q_dense{f'_{number}' if number else ''}"
    row = np.ones((1, len(kernel)), dtype=int)
    wide = np.ones(kernel.shape, dtype=int), np.ones(bias.shape, dtype=int)
    return {
        f"{path}/vars/0": kernel.astype(np.float32),
        f"{path}/vars/1": bias.astype(np.float32),
        **quantizer(f"{path}/iq", KIF, row, 2 * row, fractions * row),
        **quantizer(f"{path}/kq", KBI, wide[0], 3 * wide[0], 2 * wide[0]),
        **quantizer(f"{path}/bq", KBI, wide[1], 3 * wide[1], 2 * wide[1]),
    }


def in_sequence(*layers: dict[str, Any], name: str = "net") -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def connected(*layers: tuple[dict[str, Any], Sequence[str]], output: str) -> dict[str, Any]:
    """A functional model: every layer with the names of those it reads."""
    listed = []
    for layer, sources in layers:
        args = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
            for source in sources
        ]
        called = [{"args": [args if len(args) > 1 else args[0]]}] if args else []
        listed.append({**layer, "inbound_nodes": called})
    config = {"name": "net", "layers": listed, "output_layers": [output, 0, 0]}
    return {"class_name": "Functional", "config": config}


def write(path: Path, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a file as Keras does."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path
