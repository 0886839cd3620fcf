"""The last steps of lowering: readers get streams of their own, queues get their places."""

from __future__ import annotations

from dataclasses import replace

from netwright.backends.rtl.streams.network import (
    Fork,
    Gather,
    Join,
    Network,
    Part,
    Product,
    Serialize,
    Unit,
    Window,
    outputs_of,
)
from netwright.backends.rtl.streams.timing import Schedule, schedule


def wire_up(network: Network) -> Network:
    """A network in which every stream has one reader and no queue can block for ever.

    Streams with several readers get a fork. Where streams of different length meet, the early one
    waits in a queue: as many places as an execution fills that is never held up. Every part is
    deterministic in the order of what it takes and gives, so the network is a Kahn network with
    bounded queues (Kahn 1974, IFIP 74, 471): whether it blocks does not depend on when beats come
    or results are taken, and one execution to the end proves that none blocks. (After whole rows
    every part is as it was at first, so some rows stand for any number.)
    """
    network = _buffered(_forked(network))
    unlimited = {unit.name for unit in network.units if _is_before_join(unit, network)}
    network = _with_depths(network, unlimited, None)
    free = schedule(network, unlimited=unlimited)
    network = _with_depths(network, unlimited, free)
    schedule(network)
    return network


def _forked(network: Network) -> Network:
    """Every stream with one reader."""
    readers: dict[str, list[tuple[int, int]]] = {}
    for number, part in enumerate(network.parts):
        for place, name in enumerate(part.inputs):
            readers.setdefault(name, []).append((number, place))
    streams = dict(network.streams)
    inputs = [list(part.inputs) for part in network.parts]
    forks: dict[str, Fork] = {}
    outputs = list(network.outputs)
    for name, uses in readers.items():
        ends = [i for i, terminal in enumerate(outputs) if terminal.stream.name == name]
        count = len(uses) + len(ends)
        if count == 1:
            continue
        branches = tuple(f"{name}__to_{number}" for number in range(count))
        for branch in branches:
            streams[branch] = replace(streams[name], name=branch)
        for (number, place), branch in zip(uses, branches[: len(uses)], strict=True):
            inputs[number][place] = branch
        for i, branch in zip(ends, branches[len(uses) :], strict=True):
            outputs[i] = replace(outputs[i], stream=streams[branch])
        forks[name] = Fork(f"{name}__fork", (name,), branches)
    parts: list[Part] = [
        forks[terminal.stream.name] for terminal in network.inputs if terminal.stream.name in forks
    ]
    for part, names in zip(network.parts, inputs, strict=True):
        made = replace(part, inputs=tuple(names))
        parts.append(made)
        parts += [forks[name] for name in outputs_of(made) if name in forks]
    return replace(network, streams=streams, parts=tuple(parts), outputs=tuple(outputs))


def _buffered(network: Network) -> Network:
    """A queue before every join, on streams that do not come from one."""
    queued = {unit.output for unit in network.units}
    streams = dict(network.streams)
    parts: list[Part] = []
    for part in network.parts:
        names = []
        for name in part.inputs:
            if len(part.inputs) > 1 and name not in queued:
                delayed = f"{name}__delayed"
                streams[delayed] = replace(streams[name], name=delayed)
                parts.append(
                    Unit(f"{name}__delay", (), (name,), delayed, Join(), None, stages=0, depth=1)
                )
                name = delayed
            names.append(name)
        parts.append(replace(part, inputs=tuple(names)))
    return replace(network, streams=streams, parts=tuple(parts))


def _is_before_join(unit: Unit, network: Network) -> bool:
    return any(len(part.inputs) > 1 and unit.output in part.inputs for part in network.parts)


def _with_depths(network: Network, unlimited: set[str], free: Schedule | None) -> Network:
    """Queues that never hold up a beat; those before joins as an unlimited execution fills them."""
    spacing: dict[str, int] = {terminal.stream.name: 1 for terminal in network.inputs}
    interval = row_interval(network)
    parts: list[Part] = []
    for part in network.parts:
        apart = max(spacing[name] for name in part.inputs)
        if isinstance(part, Unit):
            apart = _spacing(part, apart)
            if network.streams[part.output].beats == 1:
                apart = interval
            hold = _hold(part.output, network)
            depth = max(1, -(-(part.latency + 1 + hold) // max(apart, hold)))
            if free is not None and part.name in unlimited:
                beats = network.streams[part.output].beats
                depth = max(depth, min(free.filled[part.name], beats + depth))
            part = replace(part, depth=depth)
        for name in outputs_of(part):
            spacing[name] = 1 if isinstance(part, Serialize) else apart
        parts.append(part)
    return replace(network, parts=tuple(parts))


def _spacing(unit: Unit, apart: int) -> int:
    """Clocks between two results of a unit, at least; `apart`: between two beats it takes."""
    front = unit.front
    if isinstance(front, Product):
        return max(apart, front.tiling.reuse_factor)
    if isinstance(front, Window):
        return front.strides[1]
    return apart * front.beats if isinstance(front, Gather) else apart


def _hold(stream: str, network: Network) -> int:
    """Clocks that a beat stays at the head of a queue while it is read."""
    reader = next((part for part in network.parts if stream in part.inputs), None)
    if isinstance(reader, Unit) and isinstance(reader.front, Product):
        return reader.front.tiling.reuse_factor
    if isinstance(reader, Serialize):
        return network.streams[reader.output].beats * _hold(reader.output, network)
    if isinstance(reader, Fork):
        return max(_hold(branch, network) for branch in reader.outputs)
    return 1


def row_interval(network: Network) -> int:
    """Clocks between rows that the busiest part needs."""
    return max((_busy(part, network) for part in network.parts), default=1)


def _busy(part: Part, network: Network) -> int:
    beats = network.streams[part.inputs[0]].beats
    if isinstance(part, Serialize):
        return network.streams[part.output].beats
    if isinstance(part, Unit) and isinstance(part.front, Product):
        return beats * part.front.tiling.reuse_factor
    if isinstance(part, Unit) and isinstance(part.front, Window):
        return part.front.totals[0] * part.front.totals[1]
    return beats
