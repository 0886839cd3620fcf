"""Everything that commands print: data on standard output, the rest on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from netwright.run import Reporter

LINE_INTERVAL_S = 10.0
"""Least time between two progress lines where standard error is no terminal."""


def emit(text: str) -> None:
    """Print a result on standard output."""
    typer.echo(text)


def emit_json(data: object) -> None:
    """Print data on standard output as JSON."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Print a line for the reader on standard error."""
    typer.echo(text, err=True)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text with aligned columns.

    Example:
        >>> print(columns([("name", "bits"), ("fc1", "4")]))
        name  bits
        fc1   4
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def reporter() -> Reporter:
    """A reporter for this terminal: bars where there is one, else plain lines."""
    return Bars() if sys.stderr.isatty() else Lines()


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

    def update(self, done: float, total: float, text: str = "") -> None:
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

    def update(self, done: float, total: float, text: str = "") -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, text=text)

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        """Replace the bar by a line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        super().end(stage, position, count, status=status, seconds=seconds)
