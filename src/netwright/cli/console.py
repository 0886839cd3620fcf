"""Everything that commands print: data on standard output, the rest on standard error."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.errors import ConfigError
from netwright.escape import json_text, visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from netwright.progress import Progress
    from netwright.run import Reporter

LINE_INTERVAL_S = 10.0
"""Least time between two progress lines where standard error is no terminal."""

NARROWEST_COLUMN = 8
"""Characters that a column of a table keeps, however narrow the terminal is."""

GAP = 2
"""Spaces between two columns of a table."""

_QUIET = ContextVar("quiet", default=False)
_HELD: ContextVar[ExitStack | None] = ContextVar("held", default=None)


def emit(text: str) -> None:
    """Print a result on standard output."""
    typer.echo(visible(text, lines=True))


def emit_json(data: object) -> None:
    """Print data on standard output as JSON."""
    typer.echo(json_text(data))


def note(text: str) -> None:
    """Print a line for the reader on standard error; nothing with ``--quiet``."""
    if not is_quiet():
        _tell(visible(text, lines=True))


def complain(text: str) -> None:
    """Print an error on standard error, whatever the verbosity; in color where there is any.

    Args:
        text: The message; a line that begins with ``hint:`` is the way out.
    """
    message, mark, hint = visible(text, lines=True).partition("\nhint: ")
    _tell(f"{typer.style('error:', fg='red', bold=True)} {message}")
    if mark:
        _tell(f"{typer.style('hint:', fg='cyan', bold=True)} {hint}")


def _tell(text: str) -> None:
    with suppress(OSError):  # nobody is there to be told that standard error is closed or full
        typer.echo(text, err=True)


@contextmanager
def verbosity(*, quiet: bool) -> Iterator[None]:
    """Let commands inside print results and errors only, or everything."""
    token = _QUIET.set(quiet)
    with ExitStack() as stack:
        held = _HELD.set(stack)
        try:
            yield
        finally:
            _QUIET.reset(token)
            _HELD.reset(held)


def typed_folder(text: str | Path) -> Path:
    """The folder that was typed, or a default; an empty text, which means the current one, is none.

    Raises:
        ConfigError: The text is empty.
    """
    if not str(text).strip():
        raise ConfigError("a folder must be named, not empty", hint="the current folder is .")
    return Path(text)


def check_output(option: str, path: Path | None, *suffixes: str) -> None:
    """Refuse an output file before any work is done for it.

    Args:
        option: Where it was typed.
        path: The file; nothing is checked without one.
        suffixes: How its name may end.

    Raises:
        ConfigError: Its name ends otherwise, or its folder is not there.
    """
    if path is None:
        return
    if path.suffix not in suffixes:
        *most, last = suffixes
        wanted = f"{', '.join(most)} or {last}" if most else last
        raise ConfigError(f'{option} {path}: must end in {wanted}, not "{path.suffix}"')
    if not path.parent.is_dir():
        raise ConfigError(f'{option} {path}: there is no folder "{path.parent}"',
                          hint="make it before")  # fmt: skip


def hold(folder: Path) -> None:
    """Keep other commands out of an output folder until the command at work ends.

    What killed commands left there is removed.

    Raises:
        RunError: Another command works there, or the folder cannot be written.
    """
    from netwright.files import locked, sweep

    stack = _HELD.get()
    assert stack is not None, "only commands hold folders"
    stack.enter_context(locked(folder, why="is writing to this folder"))
    sweep(folder)


def staging() -> Path:
    """A private folder for what is made before an output folder is held; gone with the command."""
    import tempfile

    from netwright.files import workspace

    stack = _HELD.get()
    assert stack is not None, "only commands have such folders"
    return stack.enter_context(workspace(Path(tempfile.gettempdir()), mode=0o700))


def hold_with(folder: Path, staged: Path) -> None:
    """Hold an output folder as :func:`hold` does, and let it begin with the files of another.

    Raises:
        RunError: Another command works there, or the folder cannot be written.
    """
    from netwright.files import write_atomic

    hold(folder)
    for file in sorted(staged.iterdir()):
        with file.open("rb") as made:
            write_atomic(folder / file.name, partial(shutil.copyfileobj, made))


def is_quiet() -> bool:
    """Whether the command at work was asked for results and errors only."""
    return _QUIET.get()


def color_wanted(environment: Mapping[str, str] = os.environ) -> bool | None:
    """What the environment says of color: no, yes, or whatever the terminal can (``None``).

    ``NO_COLOR`` (any text but none, see no-color.org) comes before ``FORCE_COLOR``, and that before
    a terminal that is called dumb.
    """
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return False if environment.get("TERM") == "dumb" else None


def columns(rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Rows as text with aligned columns; where `width` is too small, the widest ones wrap.

    Args:
        rows: Cells, as many in every row.
        width: Characters in a line; if not given, those of the terminal that standard output is,
            or as many as needed.

    Example:
        >>> print(columns([("name", "bits"), ("fc1", "4")]))
        name  bits
        fc1   4
        >>> print(columns([("fc1", "first layer of the network")], width=19))
        fc1  first layer of
             the network
    """
    width = terminal_width() if width is None else width
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        room = width - GAP * (len(sizes) - 1)
        words = [
            max(len(word) for cell in column for word in cell.split() or [""])
            for column in zip(*rows, strict=True)
        ]
        sizes = _narrowed(_narrowed(sizes, room, words), room, [NARROWEST_COLUMN] * len(sizes))
    lines = []
    for row in rows:
        cells = [
            textwrap.wrap(cell, size) if len(cell) > size else [cell]
            for cell, size in zip(row, sizes, strict=True)
        ]
        for pieces in zip_longest(*cells, fillvalue=""):
            padded = (f"{piece:<{size}}" for piece, size in zip(pieces, sizes, strict=True))
            lines.append((" " * GAP).join(padded).rstrip())
    return "\n".join(lines)


def _narrowed(sizes: Sequence[int], room: int, least: Sequence[int]) -> list[int]:
    """Widths less what the widest columns can give, until all fit."""
    found = list(sizes)
    while sum(found) > room:
        most, at = max((size if size > least[i] else 0, i) for i, size in enumerate(found))
        if most == 0:
            break
        found[at] -= 1
    return found


def terminal_width() -> int | None:
    """Characters in a line of the terminal that standard output is; ``None`` if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def reporter() -> Reporter:
    """A reporter for this terminal: bars where there is one, else plain lines."""
    return Bars() if sys.stderr.isatty() and not is_quiet() else Lines()


def paced(unit: str, *, interval_s: float = LINE_INTERVAL_S, at_once: bool = False) -> Progress:
    """Tells how far work is, in lines that come slowly enough to be read.

    Args:
        unit: What the steps are, and what stands before the text.
        interval_s: Least time between two lines.
        at_once: Whether the first line does not wait.
    """
    last_s = -interval_s if at_once else time.monotonic()

    def tell(done: float, total: float, text: str) -> None:
        nonlocal last_s
        now = time.monotonic()
        if now - last_s >= interval_s:
            last_s = now
            note(f"      {done:.0f} of {total:.0f} {unit} {text}")

    return tell


class Lines:
    """Tells about a run in plain lines."""

    def __init__(self) -> None:
        self._stage = ""
        self._last_s = 0.0

    def begin(self, stage: str, position: int, count: int) -> None:
        """Say that a stage starts."""
        self._stage = stage
        self._last_s = time.monotonic()
        note(f"[{position}/{count}] {stage} ...")

    def update(self, done: float, total: float, text: str, /) -> None:
        """Say how far the stage is, at most every :data:`LINE_INTERVAL_S` seconds."""
        now = time.monotonic()
        if now - self._last_s >= LINE_INTERVAL_S:
            self._last_s = now
            percent = 100 * done / total if total else 0
            note(f"      {self._stage}: {percent:.0f} % {text}".rstrip())

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        """Say how a stage ended."""
        spent = "" if status == "cached" else f" after {seconds:.1f} s"
        note(f"[{position}/{count}] {stage}: {status}{spent}")

    def say(self, text: str) -> None:
        """Print a line."""
        note(f"      {text}")


class Bars(Lines):
    """Tells about a run with one progress bar for the stage at work."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def begin(self, stage: str, position: int, count: int) -> None:
        """Show a bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("[{task.fields[place]}] {task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(stage, total=None, place=f"{position}/{count}", text="")

    def update(self, done: float, total: float, text: str, /) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, text=visible(text))

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        """Replace the bar by a line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        super().end(stage, position, count, status=status, seconds=seconds)
