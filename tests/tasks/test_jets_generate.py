"""Generation: reproducible, resumable, never a partial table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright import errors
from netwright.errors import ConfigError, MissingExtra, RunError
from netwright.tasks import chunks, jets_generate
from netwright.tasks.card import card_path
from netwright.tasks.chunks import Chunk
from netwright.tasks.jets import jets
from netwright.tasks.jets_features import FEATURES
from netwright.tasks.jets_generate import generate_jets, jet_recipe
from netwright.tasks.table import read_table


@pytest.fixture
def simulation() -> None:
    for package in ("pythia8mc", "fastjet", "awkward"):
        pytest.importorskip(package, reason=f"needs {package} (extra physics)")


class Pool:
    """Stands in for the process pool: makes rows at once, in this process."""

    def __init__(self, fail_after: int = 10**9, error: BaseException | None = None) -> None:
        self.made: list[tuple[int, int]] = []
        self.fail_after = fail_after
        self.error = error or KeyboardInterrupt()

    def generate(self, label: int, number: int, num_jets: int, seed: int) -> NDArray[np.float32]:
        if len(self.made) == self.fail_after:
            raise self.error
        self.made.append((label, number))
        rng = np.random.default_rng([label, number, seed])
        return rng.normal(size=(num_jets, len(FEATURES))).astype(np.float32)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Replace the simulation by random rows and the processes by threads."""
    pool = Pool()

    @contextmanager
    def threads(workers: int) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(1) as executor:
            yield executor

    monkeypatch.setattr(chunks, "_pool", threads)
    monkeypatch.setattr(jets_generate, "generate_chunk", pool.generate)
    monkeypatch.setattr(jets_generate, "require", lambda module, *, extra, purpose: None)
    monkeypatch.setattr(jets_generate, "JETS_PER_CHUNK", 4)
    return pool


def message_of(kind: type[errors.NetwrightError], out: Path, **options: int) -> str:
    with pytest.raises(kind) as caught:
        generate_jets(out, **{"num_jets": 25, **options})  # type: ignore[arg-type]
    return str(caught.value)


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path, simulation: None) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    seen: list[tuple[float, float, str]] = []
    generate_jets(one, num_jets=26, seed=3, workers=1, progress=lambda *step: seen.append(step))
    generate_jets(two, num_jets=26, seed=3, workers=2)
    assert one.read_bytes() == two.read_bytes()
    assert card_path(one).read_bytes() == card_path(two).read_bytes()
    assert seen == [(done, 26, "jets") for done in (0, 6, 11, 16, 21, 26)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.card.toml",
        "one.npz",
        "two.card.toml",
        "two.npz",
    ]
    table = read_table(one)
    assert np.bincount(table.labels).tolist() == [6, 5, 5, 5, 5]
    assert (table.features[:, FEATURES.index("j_multiplicity")] >= 2).all()
    assert not (table.features.view(np.uint32) & 0x1FF).any()


def test_card_describes_the_table(tmp_path: Path, quick: Pool) -> None:
    out = tmp_path / "t.npz"
    card = generate_jets(out, num_jets=52, seed=5)
    raw = tomllib.loads(card_path(out).read_text())
    assert raw["counts"] == {"g": 11, "q": 11, "w": 10, "z": 10, "t": 10}
    assert raw["seeds"] == {"simulation": 5}
    assert raw["synthetic"] is True
    assert "initial-state radiation off" in raw["cuts"]
    assert "GPL" in raw["license"]
    assert jets(path=out).card == card


def test_interrupted_generation_continues(tmp_path: Path, quick: Pool) -> None:
    whole = tmp_path / "whole.npz"
    generate_jets(whole, num_jets=50, seed=1)
    in_all, quick.made = len(quick.made), []
    quick.fail_after = 7
    out = tmp_path / "out.npz"
    with pytest.raises(KeyboardInterrupt):
        generate_jets(out, num_jets=50, seed=1)
    assert not out.exists()
    kept = list((tmp_path / "out.npz.parts").iterdir())
    assert 0 < len(kept) <= 7
    quick.made, quick.fail_after = [], 10**9
    seen: list[tuple[float, float, str]] = []
    generate_jets(out, num_jets=50, seed=1, progress=lambda *step: seen.append(step))
    assert len(quick.made) == in_all - len(kept)
    assert seen[0][0] > 0
    assert seen[-1] == (50, 50, "jets")
    assert out.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "out.npz.parts").exists()


def test_damaged_or_foreign_parts_are_made_again(tmp_path: Path, quick: Pool) -> None:
    whole, out = tmp_path / "whole.npz", tmp_path / "out.npz"
    generate_jets(whole, num_jets=25, seed=1)
    parts = tmp_path / "out.npz.parts"
    parts.mkdir()
    recipe = jet_recipe()
    planned = recipe.chunks(25)
    names = [recipe.file_name(chunk, 1) for chunk in planned]
    (parts / names[0]).write_bytes(b"")
    (parts / names[1]).write_bytes(b"\x93NUMPY nonsense")
    np.save(parts / names[2], np.zeros((1, 16), dtype=np.float32))
    rows = np.full((planned[3].num_rows, 16), np.nan, dtype=np.float32)
    np.save(parts / names[3], rows)
    (parts / "notes.txt").write_text("mine")
    generate_jets(out, num_jets=25, seed=1)
    assert out.read_bytes() == whole.read_bytes()
    assert [path.name for path in parts.iterdir()] == ["notes.txt"]


def test_chunks_are_balanced_and_cover_the_table(quick: Pool) -> None:
    planned = jet_recipe().chunks
    assert planned(26)[:4] == [Chunk(0, 0, 4), Chunk(0, 1, 2), Chunk(1, 0, 4), Chunk(1, 1, 1)]
    assert sum(chunk.num_rows for chunk in planned(1003)) == 1003


def test_chunk_name_holds_all_that_decides_its_content() -> None:
    named = jet_recipe().file_name(Chunk(4, 12, 2000), 7)
    assert named == "t-00012-2000-seed7-recipe1.npy"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_jets": 0}, "jets must be 25 to 10000000, not 0"),
        ({"num_jets": -5}, "jets must be 25 to 10000000, not -5"),
        ({"num_jets": 24}, "jets must be 25 to 10000000, not 24"),
        ({"num_jets": 10**12}, "jets must be 25 to 10000000, not 1000000000000"),
        ({"workers": 0}, "workers must be 1 to 256, not 0"),
        ({"workers": 257}, "workers must be 1 to 256, not 257"),
        ({"seed": -1}, "seed must be 0 to 2^63 - 1, not -1"),
        ({"seed": 2**63}, "seed must be 0 to 2^63 - 1, not 9223372036854775808"),
    ],
)
def test_argument_out_of_range_is_refused(
    tmp_path: Path, options: dict[str, int], expected: str
) -> None:
    assert message_of(ConfigError, tmp_path / "out.npz", **options) == expected


def test_other_suffix_is_refused(tmp_path: Path) -> None:
    expected = 'out must end in .npz, not "jets.csv"'
    assert message_of(ConfigError, tmp_path / "jets.csv") == expected


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    out.write_text("mine")
    assert message_of(ConfigError, out) == (
        f"out exists already: {out}\nhint: delete it or choose another path"
    )
    assert out.read_text() == "mine"


def test_folder_that_cannot_be_written_is_reported(tmp_path: Path, quick: Pool) -> None:
    (tmp_path / "file").write_text("not a folder")
    part = tmp_path / "file" / "out.npz.parts" / "g-00000-4-seed7-recipe1.npy"
    assert message_of(RunError, tmp_path / "file" / "out.npz") == (
        f"{part}: cannot be written (Not a directory)\n"
        "hint: choose a folder that exists, is writable and has free space"
    )


def test_dead_worker_is_reported_and_chunks_are_kept(tmp_path: Path, quick: Pool) -> None:
    quick.fail_after, quick.error = 3, BrokenProcessPool()
    message = message_of(RunError, tmp_path / "out.npz")
    assert message.startswith('a worker process ended while jets of class "')
    assert message.endswith(
        '" were generated\n'
        "hint: run the same command again to continue; fewer workers need less memory"
    )
    assert not (tmp_path / "out.npz").exists()


def test_missing_generator_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: str, *, extra: str, purpose: str) -> object:
        raise MissingExtra(extra, package=module, purpose=purpose)

    monkeypatch.setattr(jets_generate, "require", refuse)
    assert message_of(MissingExtra, tmp_path / "out.npz") == (
        'generating jets needs the package "pythia8mc", which is not installed\n'
        "hint: pip install 'netwright[physics]'"
    )
    assert list(tmp_path.iterdir()) == []
