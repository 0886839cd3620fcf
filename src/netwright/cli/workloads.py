"""Networks and machines as commands name them: with another batch, width, shape or figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.figures import whole

if TYPE_CHECKING:
    from netwright.workload import Workload

MOST_BATCH = 1 << 20

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Another setting of the machine, such as dram.bandwidth=32GB/s; repeatable."
    ),
]

BatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch",
        parser=whole(least=1, most=MOST_BATCH),
        metavar="N",
        help="Inputs that are worked on together.",
    ),
]

BitsOption = Annotated[
    int | None,
    typer.Option(
        "--bits",
        parser=whole(least=1, most=64),
        metavar="N",
        help="Width of elements whose width is not known.",
    ),
]

ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shape", help="Extents of an input of an ONNX file, such as x=1,3,224,224; repeatable."
    ),
]

_SHAPE = re.compile(r"(?P<name>.+)=(?P<extents>\d{1,9}(?:\s*[,x]\s*\d{1,9})*)")


def find_workload(
    model: str,
    *,
    opaque_unknown: bool = False,
    batch: int | None = None,
    bits: int | None = None,
    shapes: Sequence[str] = (),
) -> Workload:
    """The workload of a named network, a cascade, an ONNX file or a graph file.

    Args:
        model: Name or path.
        opaque_unknown: Whether unknown operators of an ONNX file are taken as opaque steps.
        batch: Inputs that are worked on together; those of the source if not given.
        bits: Width of elements whose width the source does not say; 8 if not given.
        shapes: Extents of inputs of an ONNX file, each as ``name=1,3,224,224``.

    Raises:
        ConfigError: No network has this name, or the source has what an option would change.
    """
    from difflib import get_close_matches

    from netwright.errors import ConfigError
    from netwright.workload import NETWORKS, cascade, from_graph, spelled

    given = dict(_shape(text) for text in shapes)
    is_cascade = model.endswith(cascade.SUFFIX) or model in cascade.published()
    own = None if is_cascade else spelled(model)
    path = Path(model)
    if own is None and path.suffix == ".onnx":
        from netwright.exchange import is_quantized, read_qonnx, read_workload

        if not is_quantized(path):
            return read_workload(
                path, bits=bits or 8, batch=batch, shapes=given, opaque_unknown=opaque_unknown
            )
    if given:
        raise ConfigError(f"--shape: {model} has shapes of its own",
                          hint="shapes are for ONNX files of real values")  # fmt: skip
    if is_cascade:
        return _batched(_wide(cascade.find(model), bits), batch)
    if own is not None:
        return _batched(_wide(NETWORKS[own](), bits), batch)
    if bits is not None and path.suffix in (".onnx", ".npz"):
        raise ConfigError(f"--bits: {model} says the width of every element",
                          hint="it is for files of real values and named networks")  # fmt: skip
    if path.suffix == ".onnx":
        return _batched(from_graph(read_qonnx(path)), batch)
    if path.suffix == ".npz":
        from netwright.ir import load

        return _batched(from_graph(load(path)), batch)
    near = get_close_matches(model, NETWORKS, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise ConfigError(
        f'"{model}" is not one of the networks{meant}',
        hint=f"networks: {', '.join(NETWORKS)}; or a file that ends in .onnx, .npz or .einsum",
    )


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    from netwright.errors import ConfigError

    found = _SHAPE.fullmatch(text.strip())
    extents = [] if found is None else [int(part) for part in re.split("[,x]", found["extents"])]
    if found is None or min(extents) < 1:
        raise ConfigError(f'--shape: must be a name and extents above 0, not "{text}"',
                          hint="for example --shape x=1,3,224,224")  # fmt: skip
    return found["name"].strip(), tuple(extents)


def _wide(workload: Workload, bits: int | None) -> Workload:
    """All elements with another width."""
    from dataclasses import replace

    from netwright.formats import Format, Int

    if bits is None:
        return workload
    wide = Format(Int(bits))
    tensors = tuple(replace(tensor, format=wide) for tensor in workload.tensors)
    taken = tuple(text for text in workload.assumptions if "bits" not in text)
    return replace(workload, tensors=tensors, assumptions=(*taken, f"{bits} bits an element"))


def _batched(workload: Workload, batch: int | None) -> Workload:
    """The network for several inputs at once, which share all weights."""
    from netwright.workload import batched

    if batch is None or batch == 1:
        return workload
    shared = [tensor.name for tensor in workload.tensors if tensor.kind == "weight"]
    return batched(workload, {"batch": batch}, shared=shared)
