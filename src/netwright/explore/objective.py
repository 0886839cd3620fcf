"""What evaluates a point, and how one evaluation is kept from taking the search with it."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from netwright.errors import ConfigError, NetwrightError
from netwright.escape import visible
from netwright.explore.parameter import Point, Value
from netwright.explore.space import Space
from netwright.explore.trial import State
from netwright.faults import closest, shown
from netwright.python_file import line_of_user

Tell: TypeAlias = Callable[[Mapping[str, float]], None]
"""Is told of values as soon as they are known; ends the evaluation if they break a constraint."""

MOST_REASON = 300

PROBES = 32
"""Points on which a space is tried before the search begins."""


class Objective(Protocol):
    """What evaluates points. It travels to other processes, so it must be picklable.

    A Python function becomes one with :class:`Function`.
    """

    def check(self, space: Space) -> None:
        """Refuse a space whose parameters reach nothing, or whose values are never measured.

        Raises:
            ConfigError: The message lists all faults.
        """

    @property
    def digest(self) -> str:
        """Text that changes whenever equal points may get other values."""

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Measure a point.

        Args:
            settings: The value at every dotted path that an active parameter sets.
            fidelity: How much effort to spend, from the space's ladder; 0 without one.
            tell: To be told of values that are known early.

        Returns:
            The values by name; ``NAME_deviation`` is the standard deviation of ``NAME``.
        """


@runtime_checkable
class Described(Protocol):
    """An objective of which a study keeps more than its digest."""

    @property
    def tables(self) -> dict[str, object]:
        """Plain data from which a page can draw what was found: what JSON can hold."""


def described(objective: Objective) -> dict[str, object]:
    """What an objective says of itself; nothing if it does not."""
    return objective.tables if isinstance(objective, Described) else {}


@dataclass(frozen=True, slots=True)
class Function:
    """An objective that is a Python function of the point.

    Attributes:
        function: Gets the value of each parameter by path and returns the values. A module-level
            function, if other processes shall call it.
        version: To be changed whenever the function gives other values.
    """

    function: Callable[[Mapping[str, Any]], Mapping[str, float]]
    version: str = "1"

    def check(self, space: Space) -> None:
        """Nothing is known about a function."""

    @property
    def digest(self) -> str:
        """Name and version of the function."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return f"function {name} {self.version}"

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """What the function returns."""
        return self.function(settings)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use.

    Attributes:
        seconds: Time; unlimited if not given.
        bytes: Memory beyond what its process has at the start; unlimited if not given.
    """

    seconds: float | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What an executor does for every job: this travels to its processes once."""

    objective: Objective
    space: Space
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Job:
    """One evaluation.

    Attributes:
        number: Of the proposal.
        point: What is evaluated.
        fidelity: With how much effort.
    """

    number: int
    point: Point
    fidelity: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one evaluation."""

    state: State
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


class _Pruned(BaseException):
    """Ends an evaluation that breaks a constraint; no objective catches it by accident."""


class _TimeUp(BaseException):
    """Ends an evaluation that takes too long."""


def attempt(work: Work, job: Job, *, apart: bool = False) -> Outcome:
    """Evaluate a point; whatever it raises becomes the reason of a failed trial.

    Args:
        work: What is evaluated, and within which limits.
        job: The point.
        apart: Whether this is a process for evaluations alone: one that is interrupted was so by
            the objective, and not by the user.
    """
    values: dict[str, float] = {}
    settings = work.space.settings(job.point)
    started = time.perf_counter()

    def tell(found: Mapping[str, float]) -> None:
        values.update(found)
        margins = work.space.margins(job.point, found)
        for constraint in work.space.constraints:
            if constraint.prune and margins.get(constraint.title, 0.0) < 0:
                raise _Pruned(constraint.title)

    state: State = "failed"
    try:
        with _limited(work.limits), redirect_stdout(sys.stderr):  # results alone are printed
            found = work.objective.evaluate(settings, fidelity=job.fidelity, tell=tell)
        values = _named(found)
        values |= work.space.computed(job.point, values)
        reason = _fault(values, work.space)
        state = "failed" if reason else "complete"
    except _Pruned as pruned:
        state, reason = "pruned", f"breaks {pruned}"
    except _TimeUp:
        reason = f"took longer than {work.limits.seconds:g} s"
    except MemoryError:
        reason = out_of_memory(work.limits)
    except NetwrightError as error:
        reason = error.message
    except Exception as error:
        first = _first_line(error)
        reason = f"{type(error).__name__}: {first}" if first else type(error).__name__
        reason += line_of_user(error)
    except SystemExit as error:
        reason = f"ended its process with code {error.code}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not apart:
            raise
        reason = type(error).__name__ + line_of_user(error)
    seconds = time.perf_counter() - started
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    return Outcome(state, values, visible(reason)[:MOST_REASON], seconds)


def _first_line(error: Exception) -> str:
    """What an error says; nothing where saying it is an error, too."""
    try:
        return (str(error).strip().splitlines() or [""])[0]
    except Exception:
        return ""


def _named(found: Mapping[str, float]) -> dict[str, float]:
    """The values as numbers.

    Raises:
        ConfigError: A name is no text, so that no study can keep it.
    """
    for name in found:
        if not isinstance(name, str):
            raise ConfigError(f"names of values must be text, not {shown(name)}")
    return {str(name): float(value) for name, value in found.items()}


Changed = TypeVar("Changed")


def unmeasured(space: Space, names: Iterable[str]) -> list[str]:
    """The values that a space speaks of and an objective never measures, a sentence each.

    Args:
        space: What is searched.
        names: What the objective measures.
    """
    known = tuple(names)
    listed = f"; there are {', '.join(known)}"
    return [
        f'the value "{name}" is never measured{closest(name, known) or listed}'
        for name in space.needed
        if name not in known
    ]


def reached(
    space: Space,
    change: Callable[[Mapping[str, Value]], Changed],
    build: Callable[[Changed], object],
) -> list[str]:
    """What keeps settings of a space from reaching anything, a sentence each.

    Args:
        space: Some random points of it are tried.
        change: Puts settings into tables; it refuses those that lead nowhere.
        build: Makes what is evaluated of the tables. What it refuses counts where it refuses every
            point, since others may be good ones.
    """
    lost: dict[str, None] = {}
    refused: dict[str, None] = {}
    built = 0
    random = np.random.default_rng(0)
    for _ in range(PROBES):
        settings = space.settings(space.draw(random))
        try:
            tables = change(settings)
        except ConfigError as error:
            lost[error.message] = None
            continue
        try:
            build(tables)
            built += 1
        except NetwrightError as error:
            refused[error.message] = None
    return [*lost, *(() if built else tuple(refused)[:1])]


def out_of_memory(limits: Limits) -> str:
    """The reason of a trial that had too little memory."""
    return "ran out of memory" + (f" (limit {limits.bytes / 1e6:.6g} MB)" if limits.bytes else "")


def _fault(values: Mapping[str, float], space: Space) -> str:
    """What is wrong with the values, if anything."""
    missing = [name for name in (*space.needed, *space.wanted) if name not in values]
    if missing:
        return f'has no value "{missing[0]}"; values: {", ".join(values) or "none"}'
    for name in space.wanted:
        if not math.isfinite(values[name]):
            return f'the value "{name}" is {values[name]}'
    return ""


@contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    with _timed(limits.seconds), _confined(limits.bytes):
        yield


@contextmanager
def _timed(seconds: float | None) -> Iterator[None]:
    """End what takes too long, in the main thread of a process, where signals arrive."""
    main = threading.current_thread() is threading.main_thread()
    if seconds is None or not main or sys.platform == "win32":
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _confined(limit: int | None) -> Iterator[None]:
    """Let this process take no more memory than it has and some bytes."""
    if limit is None or not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as stream:
        taken = int(stream.read().split()[0]) * resource.getpagesize()
    soft = taken + limit
    if before[1] != resource.RLIM_INFINITY:
        soft = min(soft, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
