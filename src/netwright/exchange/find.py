"""Networks as commands and spaces name them: with another batch, width or shape."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from netwright.errors import ConfigError, GraphError, NumericsError, UnsupportedOp
from netwright.exchange.onnx.read_workload import is_quantized, read_workload
from netwright.exchange.qonnx.read import read_qonnx
from netwright.formats import Format, Int, NumberFormat, holds_integers, number_named
from netwright.ir import Graph, load
from netwright.passes import integerize
from netwright.workload import (
    DECODERS,
    NETWORKS,
    Workload,
    batched,
    cascade,
    decoder,
    from_graph,
    spelled,
)

_SHAPE = re.compile(r"(?P<name>.+)=(?P<extents>\d{1,9}(?:\s*[,x]\s*\d{1,9})*)")


def find_workload(
    model: str,
    *,
    opaque_unknown: bool = False,
    batch: int | None = None,
    bits: str | None = None,
    shapes: Sequence[str] = (),
    tokens: int | None = None,
) -> Workload:
    """The workload of a named network, a cascade, an ONNX file or a graph file.

    Args:
        model: Name or path.
        opaque_unknown: Whether unknown operators of an ONNX file are taken as opaque steps.
        batch: Inputs that are worked on together; those of the source if not given.
        bits: Width of elements whose width the source does not say, or the name of their number
            format; 8 if not given.
        shapes: Extents of inputs of an ONNX file, each as ``name=1,3,224,224``.
        tokens: Tokens of context of a named decoder, the new one included.

    Raises:
        ConfigError: No network has this name, or the source has what an option would change.
    """
    given = dict(_shape(text) for text in shapes)
    is_cascade = model.endswith(cascade.SUFFIX) or model in cascade.published()
    own = None if is_cascade else spelled(model)
    path = Path(model)
    if tokens is not None and own not in DECODERS:
        raise ConfigError(f"--tokens: {model} is none of the named decoders",
                          hint=f"decoders: {', '.join(DECODERS)}; a file says its own: --shape"
                          )  # fmt: skip
    if own is None and path.suffix == ".onnx" and not is_quantized(path):
        element = _element(bits)
        read = read_workload(
            path,
            bits=8 if element is None else element.bits,
            batch=batch,
            shapes=given,
            opaque_unknown=opaque_unknown,
        )
        return read if element is None or holds_integers(element) else _wide(read, element)
    if given:
        raise ConfigError(f"--shape: {model} has shapes of its own",
                          hint="shapes are for ONNX files of real values")  # fmt: skip
    if is_cascade:
        return _batched(_wide(cascade.find(model), _element(bits)), batch)
    if own is not None:
        made = decoder(own, tokens=tokens) if own in DECODERS else NETWORKS[own]()
        return _batched(_wide(made, _element(bits)), batch)
    if bits is not None and path.suffix in (".onnx", ".npz"):
        raise ConfigError(f"--bits: {model} says the width of every element",
                          hint="it is for files of real values and named networks")  # fmt: skip
    if path.suffix == ".onnx":
        return _batched(from_graph(_quantized(path)), batch)
    if path.suffix == ".npz":
        return _batched(from_graph(load(path)), batch)
    near = get_close_matches(model, NETWORKS, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise ConfigError(
        f'"{model}" is not one of the networks{meant}',
        hint=f"networks: {', '.join(NETWORKS)}; or a file that ends in .onnx, .npz or .einsum",
    )


def _quantized(path: Path) -> Graph:
    """A file of QONNX; what hardware cannot make of it, a product of activations say, is read too.

    Raises:
        DataError, UnsupportedOp, GraphError: It cannot be read; all faults that hardware finds.
    """
    try:
        return read_qonnx(path)
    except (GraphError, UnsupportedOp) as fault:
        try:
            return read_qonnx(path, reals={})
        except (GraphError, UnsupportedOp):
            raise fault from None


def find_graph(path: str | Path) -> Graph:
    """The graph in integers that a file holds.

    Args:
        path: A QONNX file, or a graph file (.npz).

    Raises:
        ConfigError: There is no such file, or it is none of these.
        DataError, UnsupportedOp, GraphError, NumericsError: It cannot be read, or has no exact
            integers.
    """
    path = Path(path)
    if path.suffix not in (".onnx", ".npz"):
        raise ConfigError(f"{path} must end in .onnx or .npz", hint="it is a file of a graph")
    if not os.path.isfile(path):  # false for a name that is too long as well
        raise ConfigError(f"{path} does not exist")
    graph = load(path) if path.suffix == ".npz" else read_qonnx(path)
    return integerize(graph)


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    found = _SHAPE.fullmatch(text.strip())
    extents = [] if found is None else [int(part) for part in re.split("[,x]", found["extents"])]
    if found is None or min(extents) < 1:
        raise ConfigError(f'--shape: must be a name and extents above 0, not "{text}"',
                          hint="for example --shape x=1,3,224,224")  # fmt: skip
    return found["name"].strip(), tuple(extents)


def _element(text: str | None) -> NumberFormat | None:
    """The number format that an option says, by its width or its name."""
    if text is None:
        return None
    try:
        return Int(int(text)) if text.isdigit() else number_named(text)
    except NumericsError as error:
        raise ConfigError(f"--bits: {error.message}", hint=error.hint) from None


def _wide(workload: Workload, number: NumberFormat | None) -> Workload:
    """All elements with another number format."""
    if number is None:
        return workload
    wide = Format(number)
    tensors = tuple(replace(tensor, format=wide) for tensor in workload.tensors)
    taken = tuple(text for text in workload.assumptions if "bits" not in text)
    return replace(workload, tensors=tensors, assumptions=(*taken, f"{_said(number)} an element"))


def _said(number: NumberFormat) -> str:
    return f"{number.bits} bits" if number == Int(number.bits) else str(number)


def _batched(workload: Workload, batch: int | None) -> Workload:
    """The network for several inputs at once, which share all weights."""
    if batch is None or batch == 1:
        return workload
    shared = [tensor.name for tensor in workload.tensors if tensor.kind == "weight"]
    return batched(workload, {"batch": batch}, shared=shared)
