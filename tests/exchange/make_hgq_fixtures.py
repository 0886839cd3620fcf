"""Write the HGQ2 networks in tests/exchange/data, each with inputs and HGQ2's own outputs.

Run with ``KERAS_BACKEND=torch python -m tests.exchange.make_hgq_fixtures`` after a change of the
HGQ2 version. Nothing is trained: widths, weights and statistics are drawn at random, and the
integer bits follow from random data, as after training.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
from hgq.config import QuantizerConfig
from hgq.layers import (
    QAdd,
    QBatchNormalization,
    QBatchNormDense,
    QDense,
    QEinsumDense,
    QEinsumDenseBatchnorm,
    Quantizer,
)
from hgq.utils import trace_minmax

FOLDER = Path(__file__).parent / "data"
ROWS = 300


def dense() -> keras.Model:
    """What HGQ2 makes of a network of dense layers unless told otherwise."""
    layers = [QDense(5, activation="relu"), QDense(4, activation="relu"), QDense(3)]
    return keras.Sequential([keras.Input((6,)), *layers], name="hgq_dense")


def every_layer() -> keras.Model:
    """Every layer that is read, and formats that vary along several axes."""
    shared = QuantizerConfig("kif", "datalane", homogeneous_axis=(0, 1))
    entry = keras.Input((3, 4))
    x = QEinsumDenseBatchnorm(
        "bni,io->bno", (3, 5), bias_axes="o", activation="relu", iq_conf=shared
    )(entry)
    x = QEinsumDense("bni,io->bno", (3, 2), bias_axes="o")(x)
    x = keras.layers.Dropout(0.1)(keras.layers.Flatten()(x))
    x = QBatchNormDense(6, activation="relu")(x)  # HGQ2 0.2.0 wants as many outputs as inputs
    x = keras.layers.ReLU()(QBatchNormalization()(x))
    x = QAdd()([x, QDense(6, use_bias=False)(x)])
    return keras.Model(entry, QDense(3, enable_oq=True)(x), name="hgq_every_layer")


def modes() -> keras.Model:
    """Other modes of rounding and overflow, a quantizer of its own, a softmax at the end."""
    entry = keras.Input((6,))
    x = Quantizer("kif", "datalane", overflow_mode="SAT", round_mode="RND_CONV")(entry)
    x = QDense(6, activation="relu", enable_iq=False)(x)
    limits = QuantizerConfig("kif", "datalane", overflow_mode="SAT_SYM", round_mode="TRN")
    x = keras.layers.Reshape((2, 3))(QDense(6, iq_conf=limits)(x))
    rounds = QuantizerConfig("kbi", "datalane", overflow_mode="SAT", round_mode="RND_ZERO")
    x = keras.layers.Flatten()(QDense(2, iq_conf=rounds)(x))
    return keras.Model(entry, keras.layers.Softmax()(x), name="hgq_modes")


MODELS = {"hgq_dense": dense, "hgq_every_layer": every_layer, "hgq_modes": modes}


def shaken(model: keras.Model, seed: int) -> keras.Model:
    """The model with random widths, biases and statistics, and integer bits that fit data."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        kind = variable.path.rpartition("/")[2]
        if kind in ("f", "b"):
            variable.assign(rng.integers(-1, 7, variable.shape))
        elif kind in ("bias", "moving_mean", "bn_beta"):
            variable.assign(rng.normal(size=variable.shape) * 0.3)
        elif kind in ("gamma", "bn_gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    data = rng.normal(size=(1000, *model.inputs[0].shape[1:])).astype(np.float32)
    trace_minmax(model, data)
    return model


def write(name: str, model: keras.Model, seed: int) -> None:
    """Save the model, deflated, and what it makes of inputs that overflow now and then."""
    path = FOLDER / f"{name}.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data, zipfile.ZIP_DEFLATED)
    rng = np.random.default_rng(seed)
    inputs = (2 * rng.normal(size=(ROWS, *model.inputs[0].shape[1:]))).astype(np.float32)
    last = model.layers[-1]
    logits = last.input if isinstance(last, keras.layers.Softmax) else last.output
    outputs = keras.Model(model.inputs, logits).predict(inputs, verbose=0)
    np.savez_compressed(path.with_suffix(".npz"), inputs=inputs, outputs=outputs)


if __name__ == "__main__":
    for number, (name, make) in enumerate(MODELS.items()):
        keras.utils.set_random_seed(number)
        write(name, shaken(make(), number), number)
