"""Campaigns: counts, agreement of designs with and without voters, resuming."""

from pathlib import Path

import pytest

from netwright.backends.rtl.radiation import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.compiled import CompiledUpsets
from netwright.verify.upsets import campaign, upset_lists
from tests.backends.rtl.graphs import needs_verilator, needs_yosys
from tests.backends.rtl.radiation.designs import hardened, loading, rows

pytestmark = [pytest.mark.tool("g++"), needs_verilator, needs_yosys]


def moment(folder: Path, protection: Protection) -> CompiledUpsets:
    return CompiledUpsets(hardened(folder, protection), loading(), folder=folder / "simulation")


def test_with_voters_no_single_upset_is_seen(tmp_path: Path) -> None:
    with moment(tmp_path, CONTROL) as design:
        lists = upset_lists(design.hardened, samples=30)
        found = {tried.name: tried for tried in campaign(design, rows(), lists)}
    singles = [found[f"single, {role}"] for role in ("configuration", "state", "pointer")]
    assert [tried.upsets for tried in singles] == [36, 3, 6]
    assert all(not (t.at_once or t.later or t.unhealed or t.lasting) for t in singles)
    assert found["single, other"].at_once == found["single, other"].upsets == 7
    assert found["double, two bits"].later == 0
    same = found["double, same triplet"]
    assert (same.unhealed, same.lasting) == (30, 30)
    assert same.later > 0
    assert same.examples


def test_without_voters_every_weight_stays_wrong(tmp_path: Path) -> None:
    with moment(tmp_path, NOTHING) as design:
        lists = upset_lists(design.hardened, samples=30)
        found = {tried.name: tried for tried in campaign(design, rows(), lists)}
    assert "double, same triplet" not in found
    weights = found["single, configuration"]
    assert (weights.upsets, weights.later, weights.unhealed, weights.lasting) == (12, 12, 12, 12)
    assert weights.examples[0] == "weights[0][0]/0"


def test_finished_pieces_are_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netwright.verify.upsets.PIECE", 5)
    log = tmp_path / "upsets.jsonl"
    told: list[float] = []
    with moment(tmp_path, NOTHING) as design:
        lists = upset_lists(design.hardened, samples=10)
        whole = campaign(design, rows(), lists)

        def stop(done: float, total: float, text: str) -> None:
            told.append(done)
            if len(told) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            campaign(design, rows(), lists, log=log, progress=stop)
        tried = []
        run = design.run
        monkeypatch.setattr(design, "run", lambda *a, **k: tried.append(len(a[1])) or run(*a, **k))
        assert campaign(design, rows(), lists, log=log) == whole
        assert sum(tried) == sum(map(len, lists.values())) - 12
        assert campaign(design, rows(), lists, log=log) == whole
        other = campaign(design, rows()[::-1], lists, log=log)
        assert sum(tried) == 2 * sum(map(len, lists.values())) - 12
    assert other[0].upsets == whole[0].upsets
