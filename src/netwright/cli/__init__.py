"""The ``netwright`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

REFUSED = 1
"""Exit code after something that the machine has refused: space, memory, threads."""

USER = 2
"""Exit code after an error in a Python file of the user's own, as after other faults of theirs."""

BUG = 70
"""Exit code after an error that netwright did not raise on purpose."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; ``sys.argv`` if not given.
    """
    from netwright.cli.signals import exit_code, stopping

    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that the terminal cannot show is no failure
            stream.reconfigure(errors="backslashreplace")
    try:
        for argument in sys.argv[1:] if arguments is None else arguments:
            argument.encode()  # bytes that are no UTF-8 are refused before any work
        with stopping():
            from netwright.cli.app import app

            app(args=arguments, prog_name="netwright")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except KeyboardInterrupt as stopped:
        return exit_code(stopped)
    except Exception as error:
        return _unexpected(error)
    return 0


def _open_closed_streams() -> None:
    """Let standard streams that are closed lead nowhere, so that no file takes their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _unexpected(error: Exception) -> int:
    """Say what the machine refused, where the user's file failed, or that this is a bug."""
    import traceback

    from netwright.cli.console import complain, note
    from netwright.errors import refusal
    from netwright.python_file import line_of_user

    refused = refusal(error)
    if refused is not None:
        complain(str(refused))
        return REFUSED
    place = line_of_user(error)
    if place:
        complain(f"a Python file of yours failed{place}: {type(error).__name__}: {error}")
        return USER
    note(traceback.format_exc())
    complain("this is a bug in netwright; please report it with the lines above")
    return BUG
