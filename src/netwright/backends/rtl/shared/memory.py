"""Where every feature map lies, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netwright.backends.rtl.shared.layers import Layer
from netwright.backends.rtl.shared.lowering import Stored


def plane_words(stored: Stored, channels: int) -> int:
    """Words from a plane to the next: the last block of channels is written whole."""
    return -(-stored.words // channels) * channels


def placed(
    stored: Mapping[str, Stored],
    layers: Sequence[Layer],
    kept: Sequence[str],
    *,
    channels: int,
) -> tuple[dict[str, int], int]:
    """The first word of every tensor, at the lowest place that is free while it is needed.

    Args:
        stored: The tensors.
        layers: What writes and reads them, in order.
        kept: Tensors that are needed to the end.
        channels: Channels that are worked on at the same time.

    Returns:
        The first word of every tensor that is needed, and the number of words there must be.
    """
    begins: dict[str, int] = {}
    ends: dict[str, int] = {name: len(layers) for name in kept}
    for number, layer in enumerate(layers):
        begins.setdefault(layer.target, number)
        for plane in layer.planes:
            ends[plane.tensor] = max(ends.get(plane.tensor, -1), number)
    places: dict[str, int] = {}
    needed = 0
    for name in sorted(stored, key=lambda name: (begins.get(name, -1), name)):
        begin, end = begins.get(name, -1), ends.get(name, begins.get(name, -1))
        size = plane_words(stored[name], channels) * stored[name].pieces
        taken = sorted(
            (place, place + plane_words(stored[other], channels) * stored[other].pieces)
            for other, place in places.items()
            if begins.get(other, -1) <= end and begin <= ends.get(other, begins.get(other, -1))
        )
        place = 0
        for low, high in taken:
            if place + size <= low:
                break
            place = max(place, high)
        places[name] = place
        needed = max(needed, place + size)
    return places, needed
