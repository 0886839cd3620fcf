"""When every beat moves: the clocks of a network, predicted beat by beat.

Each part moves its beats in order, and each move waits for a few earlier ones: its input, its own
last move, a free place of its queue. So the clock of a move is a maximum of sums; no clock in
between is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from netwright.backends.rtl.streams.network import (
    Fork,
    Gather,
    Network,
    Part,
    Product,
    Serialize,
    Unit,
    Window,
)

ROWS = 4
"""Rows that are executed: enough for queues to fill."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An execution without gaps at the inputs and without stalls at the outputs.

    Attributes:
        finished: Clock in which the last beat of every row leaves.
        filled: Most places claimed at once in the queue of every unit.
    """

    finished: tuple[int, ...]
    filled: Mapping[str, int]

    @property
    def latency_cycles(self) -> int:
        """Clocks from the first beat of the first row to its last result."""
        return self.finished[0]

    @property
    def interval_cycles(self) -> int:
        """Clocks between the last two rows."""
        return self.finished[-1] - self.finished[-2]


@dataclass(slots=True)
class _Channel:
    """What is known of a stream: when each beat is there at the earliest, and when it left."""

    ready: list[int]
    left: list[int]

    def seen(self, number: int) -> int | None:
        """Clock from which a beat is offered; ``None`` if not known yet."""
        if number >= len(self.ready) or number > len(self.left):
            return None
        return max(self.ready[number], self.left[number - 1] + 1) if number else self.ready[0]


def schedule(network: Network, *, unlimited: Collection[str] = (), rows: int = ROWS) -> Schedule:
    """Execute some rows.

    Args:
        network: The network; every stream has one reader.
        unlimited: Units whose queues are taken as endless.
        rows: How many.

    Raises:
        AssertionError: Beats block each other for ever; a fault of the lowering.
    """
    channels = {name: _Channel([], []) for name in network.streams}
    actors: list[_Actor] = [_actor(p, network, channels, unlimited) for p in network.parts]
    sources = [(channels[t.stream.name], t.stream.beats * rows) for t in network.inputs]
    sinks = [(channels[t.stream.name], t.stream.beats * rows) for t in network.outputs]
    moved = True
    while moved:
        moved = False
        for channel, beats in sources:
            while len(channel.ready) < min(beats, len(channel.left) + 1):
                channel.ready.append(channel.left[-1] + 1 if channel.left else 0)
                moved = True
        for actor in actors:
            while actor.move():
                moved = True
        for channel, _ in sinks:
            while (clock := channel.seen(len(channel.left))) is not None:
                channel.left.append(clock)
                moved = True
    assert all(len(channel.left) == beats for channel, beats in sinks), "beats block each other"
    ends = [
        max(channel.left[(row + 1) * (beats // rows) - 1] for channel, beats in sinks)
        for row in range(rows)
    ]
    filled = {actor.part.name: _filled(actor) for actor in actors if isinstance(actor, _UnitActor)}
    return Schedule(tuple(ends), filled)


def _filled(actor: _UnitActor) -> int:
    """Most places of a queue that were claimed at once."""
    most, gone = 0, 0
    left = actor.output.left
    for number, clock in enumerate(actor.taken):
        while gone < len(left) and left[gone] < clock:
            gone += 1
        most = max(most, number + 1 - gone)
    return most


class _Actor:
    """A part that moves beats."""

    def move(self) -> bool:
        """Make the next move if all it waits for is known."""
        raise NotImplementedError


class _ForkActor(_Actor):
    def __init__(self, part: Fork, channels: Mapping[str, _Channel]) -> None:
        self.input = channels[part.inputs[0]]
        self.outputs = [channels[name] for name in part.outputs]

    def move(self) -> bool:
        number = len(self.input.left)
        seen = self.input.seen(number)
        if seen is None:
            return False
        if len(self.outputs[0].ready) == number:
            for output in self.outputs:
                output.ready.append(seen)
            return True
        if any(len(output.left) <= number for output in self.outputs):
            return False
        self.input.left.append(max(output.left[number] for output in self.outputs))
        return True


class _SerializeActor(_Actor):
    def __init__(self, part: Serialize, network: Network, channels: Mapping[str, _Channel]) -> None:
        self.input, self.output = channels[part.inputs[0]], channels[part.output]
        self.beats = network.streams[part.output].beats

    def move(self) -> bool:
        number = len(self.input.left)
        seen = self.input.seen(number)
        if seen is None:
            return False
        sent, ready = len(self.output.left), len(self.output.ready)
        if sent == (number + 1) * self.beats:
            self.input.left.append(self.output.left[-1])
            return True
        if ready > sent:
            return False
        self.output.ready.append(seen if ready % self.beats == 0 else self.output.left[-1] + 1)
        return True


class _UnitActor(_Actor):
    """A unit: `taken` holds the clocks in which it claimed a place."""

    def __init__(self, part: Unit, channels: Mapping[str, _Channel], *, is_limited: bool) -> None:
        self.part = part
        self.inputs = [channels[name] for name in part.inputs]
        self.output = channels[part.output]
        self.is_limited = is_limited
        self.taken: list[int] = []
        self.last = -1
        self.places = list(_walk(part.front)) if isinstance(part.front, Window) else []
        self.place = 0

    def room(self) -> int | None:
        """Clock from which there is a free place; ``None`` if not known yet."""
        number = len(self.taken) - self.part.depth
        if not self.is_limited or number < 0:
            return 0
        return self.output.left[number] + 1 if number < len(self.output.left) else None

    def take(self, clock: int) -> None:
        self.taken.append(clock)
        self.output.ready.append(clock + self.part.latency + 1)

    def move(self) -> bool:
        front = self.part.front
        if isinstance(front, Window):
            return self._walk()
        number = len(self.inputs[0].left)
        seen = [channel.seen(number) for channel in self.inputs]
        claims = not isinstance(front, Gather) or (number + 1) % front.beats == 0
        room = self.room() if claims else 0
        if room is None or any(clock is None for clock in seen):
            return False
        clock = max(room, self.last + 1, *(clock for clock in seen if clock is not None))
        self.last = clock
        if isinstance(front, Product):
            self.last += front.tiling.reuse_factor - 1
        for channel in self.inputs:
            channel.left.append(self.last)
        if claims:
            self.take(clock)
        return True

    def _walk(self) -> bool:
        is_real, is_selected = self.places[self.place]
        channel = self.inputs[0]
        waits = is_real or self.place == 0
        seen = channel.seen(len(channel.left)) if waits else 0
        room = self.room() if is_selected else 0
        if seen is None or room is None:
            return False
        self.last = max(self.last + 1, seen, room)
        if is_real:
            channel.left.append(self.last)
        if is_selected:
            self.take(self.last)
        self.place = (self.place + 1) % len(self.places)
        return True


def _actor(
    part: Part, network: Network, channels: Mapping[str, _Channel], unlimited: Collection[str]
) -> _Actor:
    if isinstance(part, Fork):
        return _ForkActor(part, channels)
    if isinstance(part, Serialize):
        return _SerializeActor(part, network, channels)
    return _UnitActor(part, channels, is_limited=part.name not in unlimited)


def _walk(front: Window) -> list[tuple[bool, bool]]:
    """Of every place of the padded image: whether it is real, and whether a window ends there."""
    axes = [
        [
            (before <= place < before + extent and (place - before) % step == 0,
             place >= span - 1 and (place - span + 1) % stride == 0)
            for place in range(total)
        ]
        for before, extent, step, span, stride, total in zip(
            front.before, front.stretched, front.steps, front.spans, front.strides, front.totals,
            strict=True,
        )
    ]  # fmt: skip
    return [
        (row_real and column_real, row_selected and column_selected)
        for row_real, row_selected in axes[0]
        for column_real, column_selected in axes[1]
    ]
