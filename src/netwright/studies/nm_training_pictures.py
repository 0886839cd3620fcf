"""Pictures of the study ``nm-training``: what a step gains and what accuracy it costs."""

from __future__ import annotations

from pathlib import Path

from netwright.cost import training
from netwright.report import Panel, bars
from netwright.run import Silent
from netwright.studies.nm_training_networks import METHODS, PATTERNS, is_done, loss
from netwright.studies.nm_training_steps import NETWORKS, steps
from netwright.studies.study import Context

SHOWN = {"jets": ("Jet tagger", "points of accuracy lost"),
         "autoencoder": ("Autoencoder", "growth of the distance in %")}  # fmt: skip


def draw(folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder; accuracies only of trainings that are done.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    series: dict[str, list[float | None]] = {
        technique: [steps(network)[0][0] / steps(network)[at][0] for network in NETWORKS]
        for at, (technique, _) in enumerate(training.ABLATION)
    }
    paths = [folder / "ablation.svg"]
    panel = Panel("2:8, 32 x 32 elements", tuple(NETWORKS.values()), series)
    bars(paths[0], [panel], title="A training step, modelled", unit="speed-up", reference=1)
    context = Context("full", folder.parent / "full" / "work", Silent())
    labels = tuple(f"{pattern.kept}:{pattern.group}" for pattern in PATTERNS)
    for task, (title, unit) in SHOWN.items():
        if not is_done(context, task):
            continue
        found: dict[str, list[float | None]] = {
            method: [loss(context, task, method, pattern).mean for pattern in PATTERNS]
            for method in METHODS
        }
        paths.append(folder / f"{task}.svg")
        bars(paths[-1], [Panel(title, labels, found)], title="Against dense training", unit=unit,
             reference=0)  # fmt: skip
    return tuple(paths)
