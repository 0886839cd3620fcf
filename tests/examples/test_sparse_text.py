"""What a folder of the example holds is taken for no other settings."""

from __future__ import annotations

import importlib.util
import json
from argparse import Namespace
from pathlib import Path

import pytest

from netwright.backends.cpu.encoders import load_encoder
from netwright.errors import RunError
from tests.texts import encoder, sentences

EXAMPLE = Path(__file__).parents[2] / "examples" / "sparse_text.py"


@pytest.fixture
def example(monkeypatch):
    """The example, with a small encoder for MiniLM-L6."""
    pytest.importorskip("rich", reason="the package rich is not installed")
    spec = importlib.util.spec_from_file_location("sparse_text_example", EXAMPLE)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    monkeypatch.setattr(found, "minilm", lambda *, seed: encoder(seed))
    return found


def run(example, folder, *, rows=8, **changes):
    """The scores of a small run, of which some settings are changed."""
    data = example.Data.__new__(example.Data)
    splits = [sentences(rows, seed=number) for number in range(3)]
    data.words = [words for words, _ in splits]
    data.labels = [labels for _, labels in splits]
    data.unlabeled = sentences(rows, seed=3)[0]
    given = {
        "out": folder,
        "epochs": 1,
        "rate": 1e-3,
        "sparsity": [0.5, 0.75],
        "level_epochs": [1, 1],
        "block_rows": 4,
    }
    return example.run_seed(data, 0, Namespace(**given | changes))


def recipe_of(path):
    embeddings = {
        name: value.numpy()
        for name, value in encoder(0).state_dict().items()
        if name.startswith("embeddings.")
    }
    return load_encoder(path, embeddings).recipe


def test_a_run_is_read_back_and_says_its_settings(example, tmp_path):
    found = run(example, tmp_path)
    folder = tmp_path / "seed-0"
    stored = (folder / "minilm-snippets-75.nwt").read_bytes()
    assert run(example, tmp_path) == found
    assert (folder / "minilm-snippets-75.nwt").read_bytes() == stored
    recipe = recipe_of(folder / "minilm-snippets-75.nwt")
    assert recipe["rows"] == "8 train, 8 unlabeled, 8 validation, 8 test"
    assert recipe["sparse"].count("block_rows=4") == 2
    assert {item.name for item in folder.iterdir()} == {
        "dense.pt",
        "dense-fp32.json",
        "dense-int8.json",
        *(f"block-{share}.{kind}" for share in (0.5, 0.75) for kind in ("pt", "json")),
        *(f"minilm-snippets-{share}.nwt" for share in (50, 75)),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_rows": 8}, r"block-0.5.pt: was written by .* BlockSparsity\(sparsity=0.5, .*"),
        ({"rows": 6}, "dense.pt: was written by another training: other training rows; other val"),
        ({"sparsity": [0.75], "level_epochs": [1]}, r"block-0.75.pt: was .* BlockSparsity\("),
        ({"level_epochs": [1, 2]}, r"block-0.75.pt: was written by .*: epochs 1 instead of 2"),
        ({"epochs": 2}, r"dense.pt: was written by .*: epochs 1 instead of 2"),
        ({"rate": 1e-2}, r"block-0.5.pt: was .*: learning_rate 0.001 instead of 0.01"),
    ],
)
def test_a_folder_of_other_settings_is_refused(example, tmp_path, changes, message):
    run(example, tmp_path)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.*"))}
    with pytest.raises(RunError, match=message):
        run(example, tmp_path, **changes)
    for path, data in before.items():
        assert path.read_bytes() == data


def test_scores_of_other_settings_are_refused(example, tmp_path):
    run(example, tmp_path)
    for path in tmp_path.rglob("*.pt"):
        path.unlink()
    with pytest.raises(RunError, match=r"dense-fp32.json: must hold the scores of rows: 6 train"):
        run(example, tmp_path, rows=6)
    for path in tmp_path.rglob("*.pt"):
        path.unlink()
    with pytest.raises(RunError, match=r"block-0.5.json: must hold .* block_rows=8"):
        run(example, tmp_path, block_rows=8)


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"test": 0.5, "validation": 0.5})])
def test_scores_without_settings_are_refused(example, tmp_path, text):
    path = tmp_path / "dense-fp32.json"
    path.write_text(text)
    with pytest.raises(RunError, match="cannot be read as scores with their settings"):
        example.once(path, "settings", dict)


@pytest.mark.parametrize("option", [["--rows", "0"], ["--sparsity", "0.8", "0.8"]])
def test_options_out_of_range_are_refused(example, tmp_path, monkeypatch, option):
    monkeypatch.setattr("sys.argv", ["sparse_text.py", "a.tar.gz", str(tmp_path), *option])
    with pytest.raises(SystemExit) as caught:
        example.main()
    assert caught.value.code == 2


def test_a_missing_archive_is_told_in_a_line(example, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sparse_text.py", str(tmp_path / "none"), str(tmp_path)])
    with pytest.raises(SystemExit, match="none: no such file"):
        example.main()
