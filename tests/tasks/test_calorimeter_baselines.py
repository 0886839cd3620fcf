"""Codes without a network: what they keep, and that no bit is left uncounted."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import calorimeter_baselines as baselines
from netwright.tasks.calorimeter_charges import LATENT_BITS, payload_bits, real_charges
from netwright.tasks.calorimeter_geometry import tiles
from netwright.tasks.calorimeter_wafers import generate_wafers

COUNTS = generate_wafers(0, 0, 300, 5)[:, :48].astype(np.int64)
VALUES = real_charges(COUNTS).astype(np.float64)
LINKS = tuple(LATENT_BITS)


@pytest.mark.parametrize("links", LINKS)
def test_every_code_stays_within_the_payload(links: int) -> None:
    payload = payload_bits(links)
    found = [
        baselines.best_choice(VALUES, links),
        baselines.LinearCode.fit(VALUES).code(VALUES, links),
    ]
    for cells in (4, 16):
        for spread in ("hottest", "uniform"):
            found.append(
                baselines.super_cells(VALUES, links, cells=cells, spread=spread)  # type: ignore
            )
    for coded in found:
        assert (coded.bits <= payload).all()
        assert (coded.bits > 0).all()
        assert coded.cells.shape == VALUES.shape
        assert (coded.cells >= 0).all()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 7, 10])
def test_values_have_no_more_codes_than_their_bits(bits: int) -> None:
    grid = baselines.code_values(np.linspace(0, 2, 100_001), bits)
    assert 2 <= len(np.unique(grid)) <= 2**bits
    assert (baselines.code_values(grid, bits) == grid).all()
    assert (np.diff(grid) >= 0).all()


def test_best_choice_keeps_the_largest_and_spends_what_it_says() -> None:
    coded = baselines.best_choice(VALUES, 3)
    assert coded.spending == "6 cells: 36 address bits, 7 bits a value"
    assert (coded.bits == 36 + 6 * 7).all()
    row = 4
    kept = np.flatnonzero(coded.cells[row])
    assert set(kept) <= set(np.argsort(-VALUES[row], kind="stable")[:6].tolist())
    assert coded.cells[row, kept] == pytest.approx(VALUES[row, kept], rel=0.07)


def test_best_choice_refuses_more_cells_than_fit() -> None:
    with pytest.raises(ConfigError) as caught:
        baselines.best_choice(VALUES, 2, kept=30)
    assert str(caught.value) == (
        "30 cells with their addresses do not fit into the 48 bits of 2 links"
    )


def test_super_cells_keep_sums_and_places() -> None:
    coded = baselines.super_cells(VALUES, 5, cells=4, spread="hottest")
    groups = tiles(cells=4)
    sums, wanted = coded.cells[:, groups].sum(axis=2), VALUES[:, groups].sum(axis=2)
    assert sums == pytest.approx(wanted, rel=0.01, abs=1e-4)
    full = wanted > 1e-3
    same = coded.cells[:, groups].argmax(axis=2) == VALUES[:, groups].argmax(axis=2)
    assert same[full].all()
    uniform = baselines.super_cells(VALUES, 5, cells=16, spread="uniform").cells
    assert (uniform[:, :16] == uniform[:, :1]).all()


def test_threshold_meets_the_payload_on_average() -> None:
    for links in LINKS:
        cut = baselines.threshold_counts(COUNTS, links)
        coded = baselines.threshold(VALUES, cut < COUNTS)
        assert coded.bits.mean() <= payload_bits(links)
        lower = baselines.threshold(VALUES, cut - 1 < COUNTS)
        assert lower.bits.mean() > payload_bits(links)


def test_every_code_meets_the_payload() -> None:
    found = baselines.every_code(COUNTS, COUNTS, 3)
    assert len(found) == 7
    assert all(coded.bits.mean() <= payload_bits(3) for coded in found.values())


def test_linear_code_is_the_best_plane() -> None:
    code = baselines.LinearCode.fit(VALUES)
    assert code.components @ code.components.T == pytest.approx(np.eye(16), abs=1e-9)
    projected = (VALUES - code.mean) @ code.components.T @ code.components
    left = np.square(VALUES - code.mean - projected).sum()
    spectrum = np.linalg.svd(VALUES - code.mean, compute_uv=False)
    assert left == pytest.approx(np.square(spectrum[16:]).sum(), rel=1e-9)
    errors = [np.square(code.code(VALUES, links).cells - VALUES).mean() for links in LINKS]
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(DataError, match="a linear code needs at least 16 wafers, not 3"):
        baselines.LinearCode.fit(VALUES[:3])
