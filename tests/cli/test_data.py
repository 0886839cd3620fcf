from __future__ import annotations

import json
from pathlib import Path

from netwright.tasks.card import card_path
from netwright.tasks.jets import jets
from netwright.tasks.jets_features import CLASSES
from tests.cli.conftest import Netwright
from tests.tasks.test_jets_generate import Pool, quick

__all__ = ["quick"]


def test_jets_as_json(netwright: Netwright, tmp_path: Path, quick: Pool) -> None:
    out = tmp_path / "out.npz"
    code, text, err = netwright(
        "data", "jets", "--num-jets", "30", "--out", out, "--seed", "2", "--workers", "1", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(text) == {
        "path": str(out),
        "jets": 30,
        "seed": 2,
        "counts": dict.fromkeys(CLASSES, 6),
        "sha256": jets(path=out).card.sha256,
    }


def test_jets_as_one_line(netwright: Netwright, tmp_path: Path, quick: Pool) -> None:
    out = tmp_path / "out.npz"
    code, text, _ = netwright("data", "jets", "--num-jets", "30", "--out", out)
    assert code == 0
    assert text == f"{out}: 30 jets, sha256 {jets(path=out).card.sha256}\n"
    assert card_path(out).exists()


def test_seed_reaches_the_simulation(netwright: Netwright, tmp_path: Path, quick: Pool) -> None:
    tables = []
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        out = tmp_path / f"{name}.npz"
        assert (
            netwright("data", "jets", "--num-jets", "30", "--out", out, "--seed", str(seed))[0] == 0
        )
        tables.append(out.read_bytes())
    assert tables[0] == tables[2] != tables[1]


def test_settings_out_of_range_are_a_usage_error(netwright: Netwright, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    code, text, err = netwright("data", "jets", "--num-jets", "1", "--out", out)
    assert (code, text) == (2, "")
    assert err == "error: jets must be 25 to 10000000, not 1\n"
    assert list(tmp_path.iterdir()) == []


def test_existing_table_is_kept(netwright: Netwright, tmp_path: Path, quick: Pool) -> None:
    out = tmp_path / "out.npz"
    out.write_text("mine")
    code, _, err = netwright("data", "jets", "--num-jets", "30", "--out", out)
    assert code == 2
    assert err == (f"error: out exists already: {out}\nhint: delete it or choose another path\n")
    assert out.read_text() == "mine"


def test_out_is_required(netwright: Netwright) -> None:
    code, _, err = netwright("data", "jets")
    assert code == 2
    assert "--out" in err
