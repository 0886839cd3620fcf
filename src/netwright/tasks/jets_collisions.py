"""Simulated collisions: PYTHIA 8 events, anti-kT jets, and the features of the matched jets.

PYTHIA, FastJet and awkward are imported only when events are generated. This module is meant to
run in worker processes; `netwright.tasks.jets_generate` starts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import RunError, require
from netwright.tasks.jets_clustering import (
    PURPOSE,
    Momenta,
    coordinates,
    find_jets,
    groomed_mass,
    nearest_distance,
)
from netwright.tasks.jets_features import CLASSES, FEATURES, jet_features

RECIPE = 1
"""Version of the recipe; any change of the physics below raises it."""

RADIUS = 0.8  # anti-kT jet radius
MATCH_DISTANCE = 0.4  # largest distance of a jet to its parton, W, Z or top
PT_MIN_GEV, PT_MAX_GEV = 800.0, 1600.0
MAX_ETA = 4.0  # particles beyond are not seen
Z_CUT = 0.1  # modified mass drop: smallest accepted share of the softer branch
NEUTRINOS = (12, 14, 16)
HARD_STATUS = (22, 23)  # PYTHIA: intermediate and outgoing particles of the hardest process
EVENTS_PER_BATCH = 100
MAX_BATCHES = 1000  # a chunk needs fewer; a process that yields no jets must not run forever
MANTISSA_BITS = 14

COMMON_SETTINGS: tuple[str, ...] = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    "PhaseSpace:pTHatMin = 985.",
    "PhaseSpace:pTHatMax = 1015.",
    "PartonLevel:ISR = off",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
    "Random:setSeed = on",
)


@dataclass(frozen=True, slots=True)
class Process:
    """Hard processes that make one class of jets, and the particles that jets are matched to."""

    settings: tuple[str, ...]
    particles: tuple[int, ...]


PROCESSES: dict[str, Process] = {
    "g": Process(("HardQCD:gg2gg = on",), (21,)),
    "q": Process(
        ("HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on"),
        (1, 2, 3, 4, 5),
    ),
    "w": Process(("WeakDoubleBoson:ffbar2WW = on",), (24,)),
    "z": Process(("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2"), (23,)),
    "t": Process(("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"), (6,)),
}
"""By class name."""

CUTS: tuple[str, ...] = (
    "proton-proton at 13 TeV, PYTHIA 8 default (Monash) tune, multiple interactions on",
    "initial-state radiation off",
    "pTHat 985 to 1015 GeV; W and Z decay to quarks only",
    "stable particles without neutrinos, |eta| < 4",
    "anti-kT R = 0.8; the two hardest jets with 800 < pT < 1600 GeV",
    "jet within 0.4 (rapidity, azimuth) of a hard-process particle of its class",
    "energy correlators on all constituents; mass after mMDT (C/A, z > 0.1)",
    "values rounded to 14 mantissa bits",
    *(f"class {name}: {', '.join(process.settings)}" for name, process in PROCESSES.items()),
)
"""Settings and selections in words, for the data card."""


def chunk_seed(seed: int, label: int, number: int) -> int:
    """Return PYTHIA's seed, 1 to 900 000 000, of one chunk; chunks are independent streams."""
    state = np.random.SeedSequence([seed, label, number]).generate_state(1, np.uint64)
    return 1 + int(state[0] % np.uint64(900_000_000))


def generate_chunk(label: int, number: int, num_jets: int, seed: int) -> NDArray[np.float32]:
    """Simulate jets of one class.

    The result depends on the arguments only, not on the process or on chunks made before.

    Args:
        label: Position of the class in `CLASSES`.
        number: Position of this chunk among those of its class.
        num_jets: Rows to return.
        seed: Seed of the whole table.

    Returns:
        Shape ``(num_jets, 16)``, columns as in `FEATURES`.

    Raises:
        MissingExtra: pythia8mc, fastjet or awkward is not installed.
        RunError: PYTHIA refuses its settings or yields no jets.
    """
    process = PROCESSES[CLASSES[label]]
    pythia = _start_pythia(process, chunk_seed(seed, label, number))
    rows = np.empty((num_jets, len(FEATURES)))
    filled = 0
    for _ in range(MAX_BATCHES):
        for jet in _select_jets(pythia.nextBatch(EVENTS_PER_BATCH), process.particles):
            mass_gev = groomed_mass(jet, z_cut=Z_CUT)
            rows[filled] = jet_features(*coordinates(jet), mass_gev=mass_gev)
            filled += 1
            if filled == num_jets:
                return round_mantissa(rows.astype(np.float32), MANTISSA_BITS)
    raise RunError(
        f'class "{CLASSES[label]}", chunk {number}: PYTHIA gave {filled} of {num_jets} jets',
        hint="try another seed",
    )


def round_mantissa(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round finite values to ``bits`` explicit mantissa bits (1 to 22), ties away from zero.

    The freed low bits are zero, so that the values compress well.
    """
    dropped = np.uint32(23 - bits)
    half = np.uint32(1) << (dropped - np.uint32(1))
    codes = values.view(np.uint32) + half
    return (codes >> dropped << dropped).view(np.float32)


def _start_pythia(process: Process, seed: int) -> Any:
    """Return an initialized PYTHIA generator (its package has no types)."""
    pythia = require("pythia8mc", extra="physics", purpose=PURPOSE).Pythia("", False)
    for line in (*COMMON_SETTINGS, f"Random:seed = {seed}", *process.settings):
        if not pythia.readString(line):
            raise RunError(f'PYTHIA does not accept the setting "{line}"')
    if not pythia.init():
        raise RunError(f"PYTHIA could not start with: {', '.join(process.settings)}")
    return pythia


def _select_jets(events: Any, particles: tuple[int, ...]) -> Iterator[Momenta]:
    """Yield the momenta of the particles, shape ``(particles, 4)``, of each accepted jet.

    Args:
        events: A batch as PYTHIA's ``nextBatch`` returns it.
        particles: PDG codes, without sign, of the particles that jets are matched to.
    """
    awkward = require("awkward", extra="physics", purpose=PURPOSE)
    record = events.prt
    columns = (record.id, record.status, record.p.px, record.p.py, record.p.pz, record.p.e)
    kind, status, px, py, pz, energy = (
        awkward.to_numpy(awkward.flatten(column)) for column in columns
    )
    momenta = np.stack([px, py, pz, energy], axis=1)
    event = np.repeat(np.arange(len(record)), awkward.to_numpy(awkward.num(record.id)))
    seen = (status > 0) & ~np.isin(np.abs(kind), NEUTRINOS)
    seen &= np.abs(pz) < np.sinh(MAX_ETA) * np.hypot(px, py)
    hard = np.isin(np.abs(status), HARD_STATUS) & np.isin(np.abs(kind), particles)

    visible = momenta[seen]
    counts = np.bincount(event[seen], minlength=len(record))
    jets = find_jets(visible, counts, radius=RADIUS, min_pt_gev=PT_MIN_GEV)
    for _, jets_of_event in groupby(jets, key=attrgetter("event")):
        for jet in islice(jets_of_event, 2):
            if np.hypot(*jet.momentum[:2]) >= PT_MAX_GEV:
                continue
            targets = momenta[hard & (event == jet.event)]
            if nearest_distance(jet.momentum, targets) < MATCH_DISTANCE:
                yield visible[jet.members]
