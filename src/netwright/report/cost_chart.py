"""Where the time and the energy of a network go, operation by operation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netwright.arch import Architecture
from netwright.arch.diagram import scaled
from netwright.cost import NetworkEstimate
from netwright.report.style import INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import write_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAMES = 60
"""With more operations than this only every second, third, ... carries its name."""


def cost_chart(found: NetworkEstimate, architecture: Architecture, path: Path) -> None:
    """Draw time above energy, one bar an operation; energy is split by component.

    Args:
        found: A network's estimate.
        architecture: The machine, for its title and the order of its components.
        path: Where to write; ``.png`` or SVG.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    layers = found.layers
    places = range(len(layers))
    names = [node.name for node in architecture.nodes if node.name in found.total.joules_by]

    def paint(figure: Figure) -> None:
        times, energies = figure.subplots(2, 1, sharex=True)
        bounds = dict.fromkeys(layer.estimate.bound for layer in layers)
        for index, bound in enumerate(bounds):
            own = [i for i in places if layers[i].estimate.bound == bound]
            heights = [1e6 * layers[i].estimate.seconds for i in own]
            times.bar(own, heights, color=SERIES[index % len(SERIES)], label=f"bound by {bound}")
        ideal = [1e6 * layer.estimate.seconds * layer.estimate.utilization for layer in layers]
        times.bar(places, ideal, width=0.35, color="white", edgecolor=INK, linewidth=0.6,
                  label="with all units busy")  # fmt: skip
        times.set(ylabel="time in µs")
        times.legend(ncols=4)
        low = [0.0] * len(layers)
        for index, name in enumerate(names):
            parts = [1e6 * layer.estimate.joules_by.get(name, 0.0) for layer in layers]
            energies.bar(places, parts, bottom=low, color=SERIES[index % len(SERIES)], label=name)
            low = [a + b for a, b in zip(low, parts, strict=True)]
        energies.set(ylabel="energy in µJ", xlim=(-0.7, len(layers) - 0.3))
        energies.legend(ncols=len(names))
        step = -(-len(layers) // MAX_NAMES)
        energies.set_xticks(list(places)[::step], [layers[i].name for i in places][::step],
                            rotation=90, fontsize=7, color=MUTED)  # fmt: skip
        total = found.total
        times.set_title(
            f"{total.name} on {architecture.title or architecture.name}: "
            f"{scaled(total.seconds, 's')}, {scaled(total.joules, 'J')}, "
            f"{total.utilization:.0%} of the units used ({total.fidelity})",
            loc="left",
        )

    title = f"Time and energy of {found.total.name} on {architecture.name}"
    write_picture(path, paint, width=WIDE_INCHES, height=5.6, title=title)
