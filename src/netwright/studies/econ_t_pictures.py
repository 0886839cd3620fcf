"""Pictures of the study ``econ-t``: events, and distances against occupancy and bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.report import Panel, WaferDisplay, lines, wafer_displays
from netwright.run import Silent
from netwright.studies.econ_t_networks import (
    CROWDED,
    LAYOUTS,
    LINKS,
    SEEDS,
    TEST_ROWS,
    UPSET_SEEDS,
    code_distances,
    floats,
    network_distances,
    table,
    task_of,
    tuned,
    tuned_distances,
)
from netwright.studies.econ_t_upsets import ORDERS, fronts
from netwright.studies.study import Context
from netwright.tasks import (
    OCCUPANCY_EDGES,
    REGION_NAMES,
    MeanDistance,
    by_occupancy,
    every_code,
    mean_distance,
    occupancy,
    payload_bits,
    wafers,
)

SHOWN = ("best choice", "super cells of 4, hottest", "super cells of 4, uniform", "threshold",
         "linear")  # fmt: skip
BAND = 2.0
"""Standard errors on either side."""

EVENT_LINKS = 3
SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
"""Of the bits that are held three times."""

UNIT = "mean EMD in sensor cells"


def draw(folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    context = Context("full", folder.parent / "full" / "work", Silent())
    occupied = occupancy(wafers(path=table(context))["test"].charges[:TEST_ROWS])
    paths = [folder / f"{name}.svg" for name in ("occupancy", "bits", "events")]
    lines(paths[0], [_occupancy(context, occupied, links) for links in LINKS],
          title="Distance against occupied cells, two standard errors of the mean over wafers",
          unit=UNIT)  # fmt: skip
    halves = [_bits(context, np.full(len(occupied), True), "all wafers"),
              _bits(context, occupied >= CROWDED, f"{CROWDED} or more occupied cells")]  # fmt: skip
    lines(paths[1], halves, title="Distance against payload bits", unit=UNIT)
    wafer_displays(paths[2], _events(context, occupied),
                   title=f"Measured and decoded wafers, {EVENT_LINKS} links")  # fmt: skip
    paths.append(folder / "protection.svg")
    lines(paths[-1], [_protection(context, layout) for layout in LAYOUTS],
          title="Worst upset of a weight bit against bits held three times, measured",
          unit="mean EMD after it, over that without one")  # fmt: skip
    return tuple(paths)


def _protection(context: Context, layout: str) -> Panel:
    """Mean over the seeds, and their deviation."""
    found = [fronts(context, layout, seed) for seed in UPSET_SEEDS[layout]]
    worst = {
        name: np.array([[f[name][round(s * (len(f[name]) - 1))] for s in SHARES] for f in found])
        for name in ORDERS
        if name != "gradient"  # near the random order
    }
    means = {name: values.mean(axis=0).tolist() for name, values in worst.items()}
    errors = {name: values.std(axis=0).tolist() for name, values in worst.items()}
    labels = tuple(f"{100 * share:g} %" for share in SHARES)
    return Panel(f"encoder {layout}, {len(found)} seeds", labels, means, errors)


def _panel(title: str, labels: tuple[str, ...], found: dict[str, list[MeanDistance]]) -> Panel:
    values = {name: [_known(part.mean) for part in parts] for name, parts in found.items()}
    errors = {name: [BAND * part.error for part in parts] for name, parts in found.items()}
    return Panel(title, labels, values, errors)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _occupancy(context: Context, occupied: NDArray[np.int64], links: int) -> Panel:
    ours = tuned_distances(context, links).mean(axis=0)
    found = {"autoencoder, quantized": list(by_occupancy(ours, occupied))}
    codes = code_distances(context, links)
    found |= {name: list(by_occupancy(codes[name], occupied)) for name in SHOWN}
    labels = tuple(str(edge) for edge in OCCUPANCY_EDGES)
    return _panel(f"{links} links", labels, found)


def _bits(context: Context, rows: NDArray[np.bool_], title: str) -> Panel:
    real = network_distances(context, "float", lambda: floats(context)).mean(axis=0)[rows]
    found = {
        "autoencoder, quantized": [
            mean_distance(tuned_distances(context, links).mean(axis=0)[rows]) for links in LINKS
        ],
        "autoencoder, float": [mean_distance(real)] * len(LINKS),
    }
    for name in SHOWN:
        found[name] = [mean_distance(code_distances(context, n)[name][rows]) for n in LINKS]
    return _panel(title, tuple(str(payload_bits(links)) for links in LINKS), found)


def _events(context: Context, occupied: NDArray[np.int64]) -> list[WaferDisplay]:
    """One wafer of each region, its occupancy the median of the wafers with signal there."""
    parts = wafers(path=table(context))
    test, task = parts["test"].take(slice(TEST_ROWS)), task_of(context)
    codes = every_code(parts["train"].charges, test.charges, EVENT_LINKS)
    with torch.no_grad():
        rows = torch.from_numpy(task.test.inputs[:TEST_ROWS])
        decoded = tuned(context, EVENT_LINKS)[SEEDS[0]].eval()(rows).numpy()
    apart = code_distances(context, EVENT_LINKS)
    ours = tuned_distances(context, EVENT_LINKS)[0]
    shown = []
    for index, region in enumerate(REGION_NAMES):
        chosen = np.flatnonzero((test.region == index) & (test.kind > 0))
        row = int(chosen[np.argsort(occupied[chosen], kind="stable")[len(chosen) // 2]])
        views = {"measured": task.test.targets[row], "autoencoder": decoded[row]}
        views |= {name: codes[name].cells[row] for name in SHOWN[:2]}
        notes = {"autoencoder": f"EMD {ours[row]:.2f}"}
        notes |= {name: f"EMD {apart[name][row]:.2f}" for name in SHOWN[:2]}
        shown.append(WaferDisplay(f"{region}, {occupied[row]} cells", views, notes))
    return shown
