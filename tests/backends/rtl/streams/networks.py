"""Networks made by hand, without the steps of lowering."""

from collections.abc import Sequence

import numpy as np

from netwright.backends.rtl.streams.network import Front, Network, Part, Stream, Terminal, Unit


def stream(name: str, beats: int = 1) -> Stream:
    return Stream(name, name, beats, 1, (0, 1))


def unit(
    name: str, inputs: Sequence[str], front: Front, *, depth: int = 1, stages: int = 0
) -> Unit:
    return Unit(name, (), tuple(inputs), f"{name}_out", front, None, stages, depth)


def network(beats: dict[str, int], parts: Sequence[Part], inputs: str, outputs: str) -> Network:
    """Streams by their beats a row; ports by the names of their streams."""
    streams = {name: stream(name, count) for name, count in beats.items()}

    def ports(names: str) -> tuple[Terminal, ...]:
        numbers = np.zeros((1, 1), dtype=np.int64)
        return tuple(Terminal(name, name, streams[name], numbers) for name in names.split())

    return Network("net", ports(inputs), ports(outputs), streams, tuple(parts))
