"""Pictures of the study ``tbsac``: learning, mismatch, and an orbit before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netwright import train
from netwright.models import Policy
from netwright.report import Panel, lines
from netwright.run import Silent
from netwright.studies import Context
from netwright.studies.tbsac_policies import (
    SEEDS,
    SETTINGS,
    SWEEPS,
    controller,
    is_done,
    plants,
    policies,
    run,
    sweep,
)


def draw(folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder; only of trainings that are done.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    context = Context("full", folder.parent / "full" / "work", Silent())
    done = [name for name in SETTINGS if is_done(context.folder, name)]
    paths = [_learning(context, done, folder)] if done else []
    if "policy" in done:
        chosen = policies(context, "policy")
        paths += [_mismatch(chosen, folder), _orbit(chosen, folder)]
    return tuple(paths)


def _learning(context: Context, names: list[str], folder: Path) -> Path:
    series: dict[str, list[float | None]] = {}
    errors: dict[str, list[float | None]] = {}
    labels: tuple[str, ...] = ()
    for name in names:
        where = context.folder / name.replace(" ", "-")
        found = [train.read_measurements(where, seed) for seed in SEEDS]
        labels = tuple(str(item.steps) for item in found[0])
        values = 100 * np.array([[item.values[0] for item in items] for items in found])
        series[name] = values.mean(axis=0).tolist()
        errors[name] = (values.std(axis=0, ddof=1) / np.sqrt(len(SEEDS))).tolist()
    path = folder / "learning.svg"
    lines(path, [Panel("", labels, series, errors)], unit="machines below 1 mm in %",
          title="Learning by decisions, mean of 5 seeds and its error")  # fmt: skip
    return path


def _mismatch(chosen: list[Policy], folder: Path) -> Path:
    panels = []
    for fault, (what, values) in SWEEPS.items():
        found = sweep(chosen, fault)
        series: dict[str, list[float | None]] = {
            name: [100 * share for share in shares]
            for name, shares in found.items()
            if name not in ("none", "random")
        }
        panels.append(Panel(what, tuple(f"{value:g}" for value in values), series))
    path = folder / "mismatch.svg"
    lines(path, panels, title="Machines that are not as drawn", unit="machines below 1 mm in %")
    return path


def _orbit(chosen: list[Policy], folder: Path) -> Path:
    found = run(controller(chosen[0]), plants()[0])
    shown = int(np.argsort(found.first_mm)[len(found) // 2])
    series: dict[str, list[float | None]] = {
        f"{axis}, {name}": found.orbits[when, shown, plane::2].tolist()
        for when, name in enumerate(("before", "after"))
        for plane, axis in enumerate("xy")
    }
    labels = tuple(str(number + 1) for number in range(found.orbits.shape[2] // 2))
    path = folder / "orbit.svg"
    lines(path, [Panel("", labels, series)], title="Orbit at the monitors of the median machine",
          unit="mm")  # fmt: skip
    return path
