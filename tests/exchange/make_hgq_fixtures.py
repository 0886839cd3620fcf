"""Write the HGQ2 networks in tests/exchange/data, each with inputs and HGQ2's own outputs.

Run with ``KERAS_BACKEND=torch python -m tests.exchange.make_hgq_fixtures [NAME ...]`` after a
change of the HGQ2 version. Nothing is trained: widths, weights and statistics are drawn at random,
and the integer bits follow from random data, as after training.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
from hgq.config import QuantizerConfig, QuantizerConfigScope
from hgq.layers import (
    QAdd,
    QAveragePow2,
    QAvgPool2D,
    QBatchNormalization,
    QBatchNormDense,
    QConv1D,
    QConv2D,
    QDense,
    QDenseT,
    QEinsumDense,
    QEinsumDenseBatchnorm,
    QGlobalAvgPool2D,
    QGlobalMaxPool2D,
    QMaxPool1D,
    QMaxPool2D,
    QMeanPow2,
    QSoftmax,
    QSubtract,
    QSum,
    Quantizer,
    QUnaryFunctionLUT,
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


def convolutions() -> keras.Model:
    """Convolutions in two dimensions, pools, a join, tables of HGQ2's softmax at the end."""
    entry = keras.Input((6, 6, 2))
    pixels = QuantizerConfig("kif", "datalane", homogeneous_axis=(0, 1, 2))
    x = QConv2D(4, 3, strides=2, padding="same", activation="relu", iq_conf=pixels)(entry)
    x = QMaxPool2D(2, strides=1, padding="same")(x)
    y = QConv2D(4, (2, 1), dilation_rate=(2, 1), groups=2, padding="same", activation="relu")(x)
    y = QBatchNormalization()(QAdd()([x, y, x]))
    y = keras.layers.Concatenate()([QAvgPool2D((2, 1), strides=1)(y), QConv2D(2, (2, 1))(x)])
    y = keras.layers.Concatenate()([QGlobalAvgPool2D()(QConv2D(2, 2)(y)), QGlobalMaxPool2D()(y)])
    return keras.Model(entry, QSoftmax()(QDense(4)(y)), name="hgq_convolutions")


def sequences() -> keras.Model:
    """Convolutions in one dimension, sums over axes, permutations."""
    entry = keras.Input((12, 3))
    x = QConv1D(4, 3, activation="relu")(entry)  # formats of its inputs vary along both axes
    x = QConv1D(4, 2, strides=2, padding="same")(QMaxPool1D(2)(x))
    y = keras.layers.Permute((2, 1))(QConv1D(3, 1, activation="relu")(x))
    z = QAveragePow2()([QSubtract()([y, QDense(3)(y)]), y, y])
    parts = [QSum(axes=1, scale=0.5)(z), QMeanPow2(axes=(1, 2), keepdims=True)(x)]
    flat = [keras.layers.Flatten()(part) for part in (*parts, z)]
    return keras.Model(entry, QDense(3)(keras.layers.Concatenate()(flat)), name="hgq_sequences")


def tables() -> keras.Model:
    """Functions as tables: layers of their own, and activations that a quantizer follows."""
    entry = keras.Input((5,))
    x = QUnaryFunctionLUT("tanh")(QDense(6, activation="relu")(entry))
    limited = QuantizerConfig("kif", "datalane", overflow_mode="SAT")
    y = keras.layers.Activation("sigmoid")(Quantizer(limited)(QDense(6)(x)))
    z = keras.layers.Activation("softplus")(Quantizer(limited)(QDense(6)(x)))
    x = QAdd()([y, z, QUnaryFunctionLUT("elu")(x)])
    return keras.Model(entry, QDense(3)(x), name="hgq_tables")


def pairs() -> keras.Model:
    """Networks between every input and output, HGQ-LUT's: tables and their sums."""
    entry = keras.Input((4,))
    with QuantizerConfigScope(place="table", homogeneous_axis=(0,)):
        x = QDenseT(5, d_hl=3, batch_norm=True, activation="relu")(entry)
        x = QDenseT(3, n_hl=2, d_hl=2, subnn_activation="relu", use_bias=False)(x)
    return keras.Model(entry, x, name="hgq_pairs")


MODELS = {
    "hgq_dense": dense,
    "hgq_every_layer": every_layer,
    "hgq_modes": modes,
    "hgq_convolutions": convolutions,
    "hgq_sequences": sequences,
    "hgq_tables": tables,
    "hgq_pairs": pairs,
}
BORDERS = ("hgq_convolutions", "hgq_sequences", "hgq_tables", "hgq_pairs")
"""Networks whose inputs hold ties, borders of codes and the numbers next to them."""


def shaken(model: keras.Model, seed: int) -> keras.Model:
    """The model with random widths, biases and statistics, and integer bits that fit data."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        kind = variable.path.rpartition("/")[2]
        if kind in ("f", "b"):
            low = 5 if "function_lut" in variable.path and "_oq/" in variable.path else -1
            variable.assign(rng.integers(low, 7, variable.shape))
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
    if name in BORDERS:
        ties = np.float32(np.rint(inputs[:100] * 8) / 16)
        beside = [np.nextafter(ties, np.float32(end)) for end in (-99, 99)]
        inputs = np.concatenate([inputs[:100], ties, *beside])
    last = model.layers[-1]
    ends = isinstance(last, keras.layers.Softmax | QSoftmax)
    logits = last.input if ends else last.output
    outputs = keras.Model(model.inputs, logits).predict(inputs, verbose=0)
    np.savez_compressed(path.with_suffix(".npz"), inputs=inputs, outputs=outputs)


if __name__ == "__main__":
    for number, (name, make) in enumerate(MODELS.items()):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        keras.utils.set_random_seed(number)
        write(name, shaken(make(), number), number)
