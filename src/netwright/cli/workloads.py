"""Options with which commands name networks and machines."""

from __future__ import annotations

from typing import Annotated

import typer

from netwright.cli.figures import whole

MOST_BATCH = 1 << 20
MOST_TOKENS = 1 << 20

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


def _width_or_name(text: str) -> str:
    """A width, checked, or the name of a number format, which is looked up later."""
    return str(whole(least=1, most=64)(text)) if text[:1].isdigit() else text


BitsOption = Annotated[
    str | None,
    typer.Option(
        "--bits",
        parser=_width_or_name,
        metavar="N or FORMAT",
        help="Width of elements whose width is not known, or their number format, such as mxfp4.",
    ),
]

ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shape", help="Extents of an input of an ONNX file, such as x=1,3,224,224; repeatable."
    ),
]

TokensOption = Annotated[
    int | None,
    typer.Option(
        "--tokens",
        parser=whole(least=1, most=MOST_TOKENS),
        metavar="N",
        help="Tokens of context of a named decoder, such as gpt2_xl, the new one included.",
    ),
]
