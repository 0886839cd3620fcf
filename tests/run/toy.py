"""A flow of three small stages: numbers, their squares, and the sum of those."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from netwright.run import Flow, Settings, Stage, StageContext


class Count(Settings):
    count: int = 4
    fail: str = ""


class Nothing(Settings):
    pass


@dataclass
class Recorder:
    """A reporter that remembers; `calls` also counts what the stage functions did."""

    events: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def update(self, done: float, total: float, text: str, /) -> None:
        self.events.append(("update", f"{done:g}/{total:g}"))

    def begin(self, stage: str, position: int, count: int) -> None:
        self.events.append(("begin", stage))

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        self.events.append((status, stage))

    def say(self, text: str) -> None:
        self.said.append(text)

    def statuses(self) -> dict[str, str]:
        return {stage: status for status, stage in self.events if status not in ("begin", "update")}


def make(context: StageContext[Count]) -> None:
    numbers = list(range(context.parameters.count))
    (context.folder / "numbers.json").write_text(json.dumps(numbers))


def square(context: StageContext[Count]) -> None:
    """Append one line per number to the scratch folder, so that an interruption loses nothing."""
    numbers = json.loads((context.inputs["make"] / "numbers.json").read_text())
    log = context.scratch / "squares.txt"
    done = log.read_text().split() if log.exists() else []
    for number in numbers[len(done) :]:
        if context.parameters.fail == str(number):
            raise KeyboardInterrupt
        with log.open("a") as stream:
            stream.write(f"{number * number}\n")
        context.progress(number + 1, len(numbers), f"{number} squared")
    (context.folder / "deep").mkdir()
    (context.folder / "deep" / "squares.txt").write_text(log.read_text())


def add(context: StageContext[Nothing]) -> None:
    squares = (context.inputs["square"] / "deep" / "squares.txt").read_text().split()
    (context.folder / "sum.txt").write_text(str(sum(map(int, squares))))


def toy(*, count: int = 4, fail: str = "", square_version: int = 1) -> Flow:
    return Flow(
        "toy",
        (
            Stage("make", 1, Count(count=count), (), make),
            Stage("square", square_version, Count(fail=fail), ("make",), square),
            Stage("add", 1, Nothing(), ("square",), add),
        ),
        seeds=(7,),
        settings=f"count = {count}\n",
    )


def total(folder: Path) -> int:
    return int((folder / "stages" / "03-add" / "sum.txt").read_text())
