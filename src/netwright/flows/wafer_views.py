"""What a report shows of wafers: events, and distances against occupancy and bits."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.compress import Compressed, PartlyQuantized, outputs_with
from netwright.report.views import Curves, Views, WaferRow
from netwright.tasks import Task
from netwright.tasks.calorimeter import wafer_emd, wafers
from netwright.tasks.calorimeter_baselines import every_code
from netwright.tasks.calorimeter_charges import latent_bits, occupancy
from netwright.tasks.calorimeter_geometry import arrangement, check_layout
from netwright.tasks.calorimeter_wafers import REGION_NAMES
from netwright.tasks.emd import OCCUPANCY_EDGES, MeanDistance, by_occupancy, mean_distance

ROWS = 3000
"""Wafers of the test split whose distances are computed."""

LINKS = (2, 3, 4, 5)
SHOWN_LINKS = 3
BASELINES = ("best choice", "super cells of 4, hottest", "threshold", "linear")
OURS = "autoencoder, integer encoder"
BAND = 2.0
UNIT = "mean EMD in sensor cells"


def wafer_views(
    options: Mapping[str, Any],
    task: Task,
    model: Compressed,
    sent: NDArray[np.float64],
) -> Views:
    """Events and distances of the first wafers of the test split.

    Args:
        options: Of the task: its seed, path and region.
        task: The task.
        model: The network; its hardware is the encoder.
        sent: What the integer graph gives for the test split.

    Raises:
        MissingExtra: POT is not installed.
    """
    parts = wafers(**{key: options[key] for key in ("seed", "path", "region")})
    rows = min(ROWS, len(task.test))
    test, target = parts["test"].take(slice(rows)), task.test.targets[:rows]
    occupied = occupancy(test.charges)
    decoded = {links: _decoded(task, model, sent, latent_bits(links), rows) for links in LINKS}
    ours = {links: wafer_emd(target, decoded[links]) for links in LINKS}
    codes = {links: every_code(parts["train"].charges, test.charges, links) for links in LINKS}
    theirs = {
        links: {name: wafer_emd(target, codes[links][name].cells) for name in BASELINES}
        for links in LINKS
    }
    distances = {OURS: ours[SHOWN_LINKS], **theirs[SHOWN_LINKS]}
    shown = {OURS: decoded[SHOWN_LINKS]} | {
        name: codes[SHOWN_LINKS][name].cells for name in BASELINES[:2]
    }
    bits = {name: [mean_distance(theirs[links][name]) for links in LINKS] for name in BASELINES}
    bits = {OURS: [mean_distance(ours[links]) for links in LINKS], **bits}
    crowded = {name: list(by_occupancy(values, occupied)) for name, values in distances.items()}
    return Views(
        caption=(
            f"Distances are energy mover's distances of the first {rows} wafers of the test split, "
            f"with bands of two standard errors over them; events and occupancy at {SHOWN_LINKS} "
            "links. All codes send as many bits. One network, trained for the width that the flow "
            "says, is read at every width. Wafers are parametrised showers, not Geant4."
        ),
        wafers=_events(target, shown, distances, test.region, occupied),
        curves=(
            _curves("Distance against occupied cells", tuple(map(str, OCCUPANCY_EDGES)), crowded),
            _curves("Distance against bits of each of 16 values",
                    tuple(str(latent_bits(links)) for links in LINKS), bits),
        ),
    )  # fmt: skip


def wafer_charges(options: Mapping[str, Any]) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Charges of the test split in counts, and the cell of every input of the encoder, -1 for none.

    Args:
        options: Of the task: its seed, path, region and layout.
    """
    test = wafers(**{key: options[key] for key in ("seed", "path", "region")})["test"]
    return test.charges.astype(np.int64), arrangement(check_layout(options["layout"]))


def _decoded(
    task: Task, model: Compressed, sent: NDArray[np.float64], bits: int, rows: int
) -> NDArray[np.float64]:
    """What is decoded where the chip sends so many bits of each value."""
    arrays = {name: array[:rows] for name, array in task.test.arrays.items()}
    narrow = copy.deepcopy(model)
    link: Any = getattr(narrow.model, "link", None) if isinstance(narrow, PartlyQuantized) else None
    if link is not None:
        link.bits = bits
    return outputs_with(narrow, arrays, sent[:rows])


def _events(
    target: NDArray[np.floating],
    shown: Mapping[str, NDArray[np.floating]],
    distances: Mapping[str, NDArray[np.float64]],
    regions: NDArray[np.integer],
    occupied: NDArray[np.int64],
) -> tuple[WaferRow, ...]:
    """One wafer of each region, its occupancy the median of those with more than four cells."""
    rows = []
    for index, region in enumerate(REGION_NAMES):
        chosen = np.flatnonzero((regions == index) & (occupied > 4))
        if not len(chosen):
            continue
        row = int(chosen[np.argsort(occupied[chosen], kind="stable")[len(chosen) // 2]])
        views = {"measured": _charges(target[row])}
        views |= {name: _charges(values[row]) for name, values in shown.items()}
        notes = {name: f"EMD {distances[name][row]:.2f}" for name in shown}
        rows.append(WaferRow(title=f"{region}, {occupied[row]} cells", views=views, notes=notes))
    return tuple(rows)


def _charges(cells: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in cells)


def _curves(title: str, labels: tuple[str, ...], found: Mapping[str, list[MeanDistance]]) -> Curves:
    series = {name: tuple(_known(part.mean) for part in parts) for name, parts in found.items()}
    errors = {
        name: tuple(_known(BAND * part.error) for part in parts) for name, parts in found.items()
    }
    return Curves(title=title, unit=UNIT, labels=labels, series=series, errors=errors)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
