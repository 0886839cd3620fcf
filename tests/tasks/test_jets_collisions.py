from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from netwright.errors import MissingExtra, RunError
from netwright.tasks import jets_collisions
from netwright.tasks.jets_collisions import (
    COMMON_SETTINGS,
    CUTS,
    PROCESSES,
    chunk_seed,
    generate_chunk,
    round_mantissa,
)
from netwright.tasks.jets_features import CLASSES, FEATURES

W, NEUTRINO, PION = 24, 12, 211
HARD, FINAL = -22, 91


def test_chunk_seeds_differ_and_are_accepted_by_pythia() -> None:
    seeds = [chunk_seed(7, label, number) for label in range(5) for number in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000
    assert chunk_seed(7, 0, 0) == chunk_seed(7, 0, 0) != chunk_seed(8, 0, 0)


def test_every_class_has_a_process_that_the_card_describes() -> None:
    assert tuple(PROCESSES) == CLASSES
    for name, process in PROCESSES.items():
        assert f"class {name}: {', '.join(process.settings)}" in CUTS


def test_mantissa_is_rounded_to_nearest() -> None:
    values = np.array([1.0, 1 + 2**-15, 1 + 2**-16, -1 - 2**-15, 0.0, 3e38], dtype=np.float32)
    found = round_mantissa(values, 14).tolist()
    assert found[:5] == [1.0, 1 + 2**-14, 1.0, -1 - 2**-14, 0.0]
    rng = np.random.default_rng(0)
    many = rng.normal(size=1000).astype(np.float32)
    assert (np.abs(round_mantissa(many, 14) - many) <= np.abs(many) * 2**-15).all()


@pytest.mark.parametrize("bits", [1, 14, 22])
def test_rounded_mantissas_have_no_bits_below(bits: int) -> None:
    values = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    found = round_mantissa(values, bits)
    assert found.shape == values.shape
    assert not (found.view(np.uint32) & ((1 << (23 - bits)) - 1)).any()
    np.testing.assert_array_equal(round_mantissa(found, bits), found)


class Pythia:
    """Stands in for the generator and its package."""

    def __init__(self, refuse: str = "", *, starts: bool = True) -> None:
        self.lines: list[str] = []
        self.refuse, self.starts, self.batches = refuse, starts, 0

    def Pythia(self, folder: str, banner: bool) -> Pythia:  # noqa: N802 (its name there)
        return self

    def readString(self, line: str) -> bool:  # noqa: N802 (its name there)
        self.lines.append(line)
        return line != self.refuse

    def init(self) -> bool:
        return self.starts

    def nextBatch(self, events: int) -> int:  # noqa: N802 (its name there)
        self.batches += 1
        return self.batches


@pytest.fixture
def pythia(monkeypatch: pytest.MonkeyPatch) -> Pythia:
    """Batch number n yields n jets of two particles."""
    generator = Pythia()

    def select(batch: int, particles: tuple[int, ...]) -> Iterator[np.ndarray]:
        for _ in range(batch):
            yield np.array([[900.0, 10, 5, 905], [100.0, -20, 3, 110]])

    monkeypatch.setattr(jets_collisions, "require", lambda *arguments, **options: generator)
    monkeypatch.setattr(jets_collisions, "_select_jets", select)
    monkeypatch.setattr(jets_collisions, "groomed_mass", lambda jet, *, z_cut: 80.0)
    return generator


def test_chunk_takes_as_many_jets_as_it_needs(pythia: Pythia) -> None:
    rows = generate_chunk(2, 5, 4, 7)
    assert (rows.shape, rows.dtype) == ((4, len(FEATURES)), np.float32)
    assert (rows == rows[0]).all()
    assert rows[0, FEATURES.index("j_multiplicity")] == 2
    assert pythia.batches == 3
    seed = f"Random:seed = {chunk_seed(7, 2, 5)}"
    assert pythia.lines == [*COMMON_SETTINGS, seed, *PROCESSES["w"].settings]


def test_generator_that_yields_no_jets_is_given_up(
    pythia: Pythia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jets_collisions, "MAX_BATCHES", 3)
    with pytest.raises(RunError) as caught:
        generate_chunk(4, 2, 100, 7)
    assert str(caught.value) == (
        'class "t", chunk 2: PYTHIA gave 6 of 100 jets\nhint: try another seed'
    )


def test_refused_setting_is_named(pythia: Pythia) -> None:
    pythia.refuse = "Beams:eCM = 13000."
    with pytest.raises(RunError) as caught:
        generate_chunk(0, 0, 1, 7)
    assert str(caught.value) == 'PYTHIA does not accept the setting "Beams:eCM = 13000."'


def test_generator_that_does_not_start_is_named(pythia: Pythia) -> None:
    pythia.starts = False
    with pytest.raises(RunError) as caught:
        generate_chunk(0, 0, 1, 7)
    assert str(caught.value) == "PYTHIA could not start with: HardQCD:gg2gg = on"


def test_missing_generator_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: str, *, extra: str, purpose: str) -> object:
        raise MissingExtra(extra, package=module, purpose=purpose)

    monkeypatch.setattr(jets_collisions, "require", refuse)
    with pytest.raises(MissingExtra, match='generating jets needs the package "pythia8mc"'):
        generate_chunk(0, 0, 1, 7)


def particle(
    kind: int, status: int, pt: float, phi: float, eta: float = 0.0
) -> tuple[int, int, float, float, float, float]:
    """One massless particle: code, status, px, py, pz, energy."""
    return kind, status, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)


def selected(*events: list[tuple[int, int, float, float, float, float]]) -> list[list[float]]:
    """Transverse momenta of the particles of every jet that is accepted as a W."""
    awkward = pytest.importorskip("awkward", reason="needs awkward (extra physics)")
    pytest.importorskip("fastjet", reason="needs fastjet (extra physics)")
    column = [awkward.Array([[item[i] for item in event] for event in events]) for i in range(6)]
    momentum = SimpleNamespace(px=column[2], py=column[3], pz=column[4], e=column[5])

    class Record(SimpleNamespace):
        def __len__(self) -> int:
            return len(events)

    batch = SimpleNamespace(prt=Record(id=column[0], status=column[1], p=momentum))
    return [
        sorted(round(float(pt), 3) for pt in np.hypot(jet[:, 0], jet[:, 1]))
        for jet in jets_collisions._select_jets(batch, (W,))
    ]


def test_jets_beside_a_hard_particle_are_selected() -> None:
    event = [
        particle(W, HARD, 1000, 0.0), particle(-W, HARD, 1000, 3.0),
        particle(PION, FINAL, 700, 0.1), particle(PION, FINAL, 300, -0.1),
        particle(PION, FINAL, 900, 3.1),
    ]  # fmt: skip
    assert selected(event) == [[300, 700], [900]]
    assert selected(event, event[::-1]) == [[300, 700], [900]] * 2


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        (particle(NEUTRINO, FINAL, 50, 0.0), [[1000]]),
        (particle(PION, FINAL, 50, 0.0), [[50, 1000]]),
        (particle(PION, -FINAL, 50, 0.0), [[1000]]),
        (particle(PION, FINAL, 50, 0.0, eta=4.5), [[1000]]),
        (particle(PION, FINAL, 700, 0.0), []),
        (particle(PION, FINAL, 900, 2.0), [[1000]]),
        (particle(PION, FINAL, 790, 2.0), [[1000]]),
    ],
    ids=["neutrino", "seen", "decayed", "forward", "too hard", "no parton", "too soft"],
)
def test_what_is_seen_and_what_is_cut(
    extra: tuple[int, int, float, float, float, float], found: list[list[float]]
) -> None:
    event = [particle(W, HARD, 1000, 0.0), particle(PION, FINAL, 1000, 0.0), extra]
    assert selected(event) == found


@pytest.mark.parametrize(
    ("hard", "accepted"),
    [
        (particle(W, HARD, 1000, 0.35), True),
        (particle(W, HARD, 1000, 0.45), False),
        (particle(W, 23, 1000, 0.0), True),
        (particle(W, -44, 1000, 0.0), False),
        (particle(23, HARD, 1000, 0.0), False),
    ],
)
def test_jet_must_lie_beside_a_hard_particle_of_its_class(
    hard: tuple[int, int, float, float, float, float], accepted: bool
) -> None:
    # Only its absolute status counts; a positive one would make it a visible particle as well.
    event = [(*hard[:1], -abs(hard[1]), *hard[2:]), particle(PION, FINAL, 1000, 0.0)]
    assert selected(event) == ([[1000]] if accepted else [])


def test_only_the_two_hardest_jets_of_an_event_count() -> None:
    directions = (0.0, 1.5, 3.0)
    event = [particle(W, HARD, 900, phi) for phi in directions]
    event += [
        particle(PION, FINAL, pt, phi) for pt, phi in zip((1000, 900, 850), directions, strict=True)
    ]
    assert selected(event) == [[1000], [900]]
