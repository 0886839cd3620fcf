"""The layers of a Keras file, checked, in execution order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, UnsupportedOp
from netwright.exchange.hgq.keras_archive import KerasArchive

KERAS_LAYERS = (
    "Activation",
    "Add",
    "Concatenate",
    "Dropout",
    "Flatten",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "InputLayer",
    "MaxPooling1D",
    "MaxPooling2D",
    "Permute",
    "ReLU",
    "Reshape",
    "Softmax",
)
"""Keras' own layers that are read."""

HGQ_LAYERS = (
    "QAdd",
    "QAveragePooling1D",
    "QAveragePooling2D",
    "QAveragePow2",
    "QBatchNormDense",
    "QBatchNormalization",
    "QConv1D",
    "QConv2D",
    "QDense",
    "QDenseT",
    "QEinsumDense",
    "QEinsumDenseBatchnorm",
    "QGlobalAveragePooling1D",
    "QGlobalAveragePooling2D",
    "QGlobalMaxPooling1D",
    "QGlobalMaxPooling2D",
    "QMaxPooling1D",
    "QMaxPooling2D",
    "QMeanPow2",
    "QSoftmax",
    "QSubtract",
    "QSum",
    "QUnaryFunctionLUT",
    "Quantizer",
)
"""HGQ2's layers that are read."""

MAX_LAYERS = 1000
MAX_INPUT = 1 << 20
"""Values of one row of an input."""

_MOST_VARIABLES = 16


@dataclass(frozen=True, eq=False)
class HgqLayer:
    """One layer.

    Attributes:
        name: Its name, unique in the model.
        kind: Its class.
        config: Its configuration.
        sources: Names of the layers that it reads.
        path: Where its arrays are.
        variables: All arrays of the file.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    sources: tuple[str, ...]
    path: str
    variables: Mapping[str, NDArray[Any]]

    @property
    def has_bias(self) -> bool:
        """Whether a product has a bias."""
        if "bias_axes" in self.config:
            return self.config["bias_axes"] is not None
        return bool(self.config.get("use_bias", True))

    def option(self, name: str) -> bool:
        """An option that is on unless the configuration says otherwise."""
        return bool(self.config.get(name, True))

    def number(self, name: str) -> float:
        """A number of the configuration.

        Raises:
            DataError: It is none.
        """
        value = self.config.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(f'layer "{self.name}": {name} must be a number, not {value!r}')
        return float(value)

    def sizes(self, name: str, rank: int) -> tuple[int, ...]:
        """Positive integers of the configuration, one for each axis of a window.

        Raises:
            DataError: They are none.
        """
        value = self.config.get(name)
        found = [value] * rank if isinstance(value, int) else value
        if (
            not isinstance(found, list)
            or len(found) != rank
            or not all(isinstance(v, int) and 0 < v <= MAX_INPUT for v in found)
        ):
            raise DataError(
                f'layer "{self.name}": {name} must be {rank} positive integers, not {value!r}'
            )
        return tuple(found)

    def axes(self, name: str, rank: int) -> tuple[int, ...]:
        """Axes of a row, given as axes of a batch of rows.

        Raises:
            DataError: They are no axes, or hold that of the batch.
        """
        value = self.config.get(name)
        found = [value] if isinstance(value, int) else value
        if not isinstance(found, list) or not all(isinstance(axis, int) for axis in found):
            raise DataError(f'layer "{self.name}": {name} must be axes, not {value!r}')
        axes = sorted({axis % (rank + 1) if -rank <= axis <= rank else 0 for axis in found})
        if not axes or axes[0] == 0:
            raise DataError(
                f'layer "{self.name}": {name} must be from 1 to {rank} or negative, not {value!r}'
            )
        return tuple(axis - 1 for axis in axes)

    def is_enabled(self, name: str) -> bool:
        """Whether the layer has a quantizer of its inputs (``iq``) or outputs (``oq``)."""
        return bool(self.config.get(f"enable_{name}", False))

    def input_shape(self) -> tuple[int, ...]:
        """Shape of a row of an input.

        Raises:
            DataError: An extent is not known.
        """
        shape = self.config.get("batch_shape")
        extents = shape[1:] if isinstance(shape, list) else []
        known = all(isinstance(extent, int) and extent > 0 for extent in extents)
        if not extents or not known or prod(extents) > MAX_INPUT:
            raise DataError(
                f'input "{self.name}": batch_shape must be the batch and known extents of at most '
                f"{MAX_INPUT} values, not {shape}"
            )
        return tuple(extents)

    def input_quantizer(self, number: int) -> str:
        """Where the quantizer of an input is."""
        if "iq_confs" not in self.config:
            return "iq"
        return f"iq/quantizers/quantizer{f'_{number}' if number else ''}"

    def quantizer(self, name: str) -> Mapping[str, Any]:
        """The configuration of a quantizer.

        Raises:
            DataError: It is missing.
        """
        found: Any = self.config.get(name if name == "config" else f"{name}_conf")
        if name.startswith("iq/"):
            number = int(name.rpartition("_")[2]) if name[-1].isdigit() else 0
            configs = self.config.get("iq_confs")
            found = configs
            if isinstance(configs, list):
                found = configs[number] if number < len(configs) else None
        inner = found.get("config") if isinstance(found, dict) else None
        if not isinstance(inner, dict):
            raise DataError(f'layer "{self.name}": has no configuration of its quantizer {name}')
        return inner

    def variable(self, number: int) -> NDArray[np.float32]:
        """An array of the layer in the order of the file; negative numbers count from the end.

        Single numbers, which only training needs, are not counted.

        Raises:
            DataError: It is missing.
        """
        places = (f"{self.path}/vars/{place}" for place in range(_MOST_VARIABLES))
        found = (self.variables[place] for place in places if place in self.variables)
        own = [array for array in found if array.ndim and array.dtype.kind == "f"]
        if not -len(own) <= number < len(own):
            raise DataError(f'layer "{self.name}": its array {number} is missing at {self.path}')
        return own[number].astype(np.float32)


@dataclass(frozen=True, eq=False)
class HgqNetwork:
    """A model.

    Attributes:
        name: Its name.
        layers: Every layer behind the ones it reads; inputs first.
        output: Name of the layer that makes the output.
        variables: All arrays of the file.
    """

    name: str
    layers: tuple[HgqLayer, ...]
    output: str
    variables: Mapping[str, NDArray[Any]]


def read_network(archive: KerasArchive, source: str) -> HgqNetwork:
    """The layers of a file.

    Args:
        archive: What the file holds.
        source: The file, for messages.

    Raises:
        DataError: The description is damaged.
        UnsupportedOp: A layer is not known; the hint lists all such and all known ones.
        GraphError: The model is no directed graph of layers with one output.
    """
    kind = archive.config.get("class_name")
    config = archive.config.get("config")
    listed = config.get("layers") if isinstance(config, dict) else None
    if kind not in ("Sequential", "Functional") or not isinstance(config, dict):
        raise DataError(
            f"holds a model of the class {kind}", source=source,
            hint="accepted: keras.Sequential, or keras.Model(inputs, outputs)",
        )  # fmt: skip
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise DataError("its layers must be a list of objects", source=source)
    if len(listed) > MAX_LAYERS:
        raise DataError(f"has {len(listed)} layers, more than {MAX_LAYERS}", source=source)
    _check_kinds(listed)
    layers = list(_layers(listed, archive.variables, kind == "Sequential", source))
    if not layers:
        raise DataError("has no layers", source=source)
    output = layers[-1].name if kind == "Sequential" else _output(config, source)
    return HgqNetwork(
        str(config.get("name") or "model"), _ordered(layers, output), output, archive.variables
    )


def _check_kinds(listed: list[dict[str, Any]]) -> None:
    """Refuse all unknown layers at once."""
    unknown = []
    for item in listed:
        config = item.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        module = str(item.get("module")).partition(".")[0]
        known = {"keras": KERAS_LAYERS, "hgq": HGQ_LAYERS}.get(module, ())
        if item.get("class_name") not in known:
            unknown.append((str(item.get("class_name")), str(name)))
    if not unknown:
        return
    others = sorted({kind for kind, _ in unknown} - {unknown[0][0]})
    also = f"also unknown here: {', '.join(others[:20])}; " if others else ""
    raise UnsupportedOp(
        unknown[0][0], node=unknown[0][1], where="read_hgq",
        hint=f"{also}supported: {', '.join((*HGQ_LAYERS, *KERAS_LAYERS))}",
    )  # fmt: skip


def _layers(
    listed: list[dict[str, Any]],
    variables: Mapping[str, NDArray[Any]],
    in_sequence: bool,
    source: str,
) -> Iterator[HgqLayer]:
    """The layers with what they read; their arrays are numbered class by class."""
    counts: Counter[str] = Counter()
    before: tuple[str, ...] = ()
    for item in listed:
        kind, config = str(item.get("class_name")), item.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        if not isinstance(config, dict) or not isinstance(name, str):
            raise DataError("a layer has no configuration with a name", source=source)
        folder = _snake_case(kind)
        number = counts[folder]
        counts[folder] += 1
        path = f"layers/{folder}{f'_{number}' if number else ''}"
        sources = before if in_sequence else _sources(item, name)
        if not sources and kind != "InputLayer":
            raise GraphError(
                "reads nothing", node=name,
                hint="let the model begin with keras.Input" if in_sequence else None,
            )  # fmt: skip
        yield HgqLayer(name, kind, config, sources, path, variables)
        before = (name,)


def _snake_case(kind: str) -> str:
    """The name under which Keras stores the arrays of a class."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _sources(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Names of the layers that a layer of a functional model reads."""
    calls = item.get("inbound_nodes") or []
    if not isinstance(calls, list) or len(calls) > 1:
        raise GraphError("must be called once", node=name, hint="make a layer for every call")
    found = []
    pending: list[Any] = [calls[0].get("args")] if calls and isinstance(calls[0], dict) else []
    while pending:
        value = pending.pop(0)
        if isinstance(value, list):
            pending = value + pending
        elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(_history(value.get("config"), name))
    return tuple(found)


def _history(config: Any, name: str) -> str:
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3 or history[1:] != [0, 0]:
        raise GraphError(
            f"reads {history}, which is no first output of a layer",
            node=name,
            hint="call every layer once: a copy of it for each further call",
        )
    return str(history[0])


def _output(config: Mapping[str, Any], source: str) -> str:
    ends = config.get("output_layers")
    while isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        ends = ends[0]
    if not isinstance(ends, list) or len(ends) != 3 or not isinstance(ends[0], str):
        raise GraphError(
            f"{source}: the model must have one output",
            hint="save keras.Model(model.inputs, model.outputs[0]), and so on for each output",
        )
    return ends[0]


def _ordered(layers: list[HgqLayer], output: str) -> tuple[HgqLayer, ...]:
    """The layers that the output depends on, every one behind those it reads.

    Raises:
        GraphError: Names are not unique, a layer is missing, or they read each other in a circle.
    """
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) != len(layers):
        raise GraphError("two layers of the model have the same name")
    made: dict[str, HgqLayer] = {}
    pending, opened = [output], set[str]()
    while pending:
        name = pending[-1]
        layer = by_name.get(name)
        if layer is None:
            raise GraphError(f'the model has no layer "{name}"')
        missing = [source for source in layer.sources if source not in made]
        if name in made or not missing:
            made.setdefault(name, layer)
            pending.pop()
        elif name in opened:
            raise GraphError("layers read each other in a circle", node=name)
        else:
            opened.add(name)
            pending += missing
    return tuple(sorted(made.values(), key=lambda layer: layer.kind != "InputLayer"))
