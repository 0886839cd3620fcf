"""Verilog that computes and does nothing else: no file, no program, no foreign function.

A simulator does whatever the Verilog asks for, ``$system`` included, and has no option against it.
So it gets only text that asks for nothing but arithmetic: what this backend writes, also after the
folder was somewhere else for a while.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from os.path import relpath
from pathlib import Path

from netwright.errors import BackendError
from netwright.escape import visible

FUNCTIONS = frozenset({"$signed", "$unsigned", "$clog2"})
"""System functions that designs use; all of them only compute."""

DIRECTIVES = frozenset({"`ifdef", "`ifndef", "`else", "`endif", "`default_nettype", "`timescale"})

_TOKEN = re.compile(
    r"""//[^\r\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\\\S+"""
    r"""|(?P<unfit>\$\s*\w+|`\s*\w+|\b(?:import|export|bind|include|config|program)\b)""",
    re.S,
)


def check_harmless(path: Path, text: str, *, functions: Collection[str] = FUNCTIONS) -> None:
    """Refuse Verilog that could do more than compute.

    Args:
        path: Its file, for the message.
        text: The Verilog.
        functions: System functions that it may use; more than those of our own designs only for
            Verilog that was not generated here, and is not simulated.

    Raises:
        BackendError: It could.
    """
    for match in _TOKEN.finditer(text):
        word = match["unfit"]
        if word and word not in functions and word not in DIRECTIVES:
            line = text.count("\n", 0, match.start()) + 1
            if functions is not FUNCTIONS:
                raise BackendError(
                    f'{path}: line {line} uses "{visible(word)}"; only Verilog that computes and '
                    "does nothing else is read",
                    hint="leave out test benches; what a file includes must be a file of its own",
                )
            raise BackendError(
                f'{path}: line {line} uses "{visible(word)}", which no generated design does',
                hint="the file was changed; generate the design again",
            )


def plain_sources(
    sources: Iterable[Path], folder: Path, *, functions: Collection[str] = FUNCTIONS
) -> list[str]:
    """Verilog files as a program that runs in `folder` is given them, after a look into each.

    The names are relative, so that nothing of what the folders above are called reaches it.

    Raises:
        BackendError: One could do more than compute, or cannot be read.
    """
    names = []
    for path in sources:
        try:
            text = path.read_text(encoding="utf-8")
            check_harmless(path, text, functions=functions)
        except (OSError, UnicodeDecodeError) as error:
            raise BackendError(
                f"{path}: cannot be read ({error})", hint="generate the design again"
            ) from error
        names.append(relpath(path.resolve(), folder.resolve()))
    return names
