from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.cli import main
from netwright.errors import ConfigError, DataError
from netwright.flows.flow import load_flow
from netwright.flows.own_flow import write_own_flow
from netwright.report import read
from netwright.run import execute
from tests.backends.rtl.graphs import needs_yosys

FEW = [
    "train.epochs=1", "compress.epochs=1", "compress.probes=2", "verify.random_rows=20",
    "verify.tie_rows=4", "verify.qonnx_rows=10",
]  # fmt: skip


def data(folder: Path) -> Path:
    """A table, an image and a waveform, with a kind and a size."""
    rng = np.random.default_rng(0)
    kind, size = np.repeat(["a", "b"], 60), rng.normal(size=120)
    image = rng.normal(size=(120, 1, 8, 8)) + (kind == "a")[:, None, None, None]
    np.savez(
        folder / "mine.npz", kind=kind, size=size, image=image, wave=rng.normal(size=(120, 2, 12)),
        place=rng.normal(size=(120, 3)),
    )  # fmt: skip
    lines = [f"{a:.3f},{b:.3f},{k}" for a, b, k in zip(size, image[:, 0, 0, 0], kind, strict=True)]
    (folder / "mine.csv").write_text("\n".join(["size,bright,kind", *lines]) + "\n")
    return folder


@pytest.mark.tool("g++")
@needs_yosys
def test_a_table_runs_down_to_verilog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data(tmp_path))
    assert main(["new", "my-kinds", "--data", "mine.csv", "--target", "kind", "--out", "."]) == 0
    text = (tmp_path / "my-kinds.toml").read_text()
    assert 'path = "mine.csv"' in text
    assert "[rtl]" in text
    narrow = [*FEW, "model.hidden=4", "compress.budget.limit=400"]
    run = ["run", "my-kinds.toml", *(word for item in narrow for word in ("--set", item))]
    assert main(run) == 0
    document = read(Path("runs/my-kinds/report.json"))
    assert document.certified
    assert document.data is not None
    assert document.data.loss == "my_kinds_net.py:loss"


@pytest.mark.parametrize(
    ("target", "inputs", "last"),
    [
        (["kind"], ["image"], "trace"),
        (["size"], ["wave"], "train"),
        (["size"], ["image", "place"], "train"),
        (["image"], ["image"], "train"),
    ],
)
def test_other_data_train_and_become_integers(
    tmp_path: Path, target: list[str], inputs: list[str], last: str
) -> None:
    path, _ = write_own_flow(
        "mine", tmp_path, data=data(tmp_path) / "mine.npz", target=target, inputs=inputs
    )
    flow = load_flow(path, overrides=FEW)
    end = 1 + [stage.name for stage in flow.stages].index(last)
    manifest = execute(
        type(flow)(flow.name, flow.stages[:end], flow.seeds, flow.settings), tmp_path / "run"
    )
    assert manifest.stages[-1].record is not None


def test_what_does_not_suit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = data(tmp_path) / "mine.csv"
    with pytest.raises(DataError, match='"kid"'):
        write_own_flow("mine", tmp_path / "out", data=path, target=["kid"])
    with pytest.raises(ConfigError, match="lower-case"):
        write_own_flow("My", tmp_path / "out", data=path, target=["kind"])
    assert not (tmp_path / "out").exists()
    for words, message in (
        (["--data", "mine.csv"], "--data needs --target COLUMN"),
        (["--target", "kind"], "--target and --input belong to --data FILE"),
    ):
        assert main(["new", "mine", *words, "--out", str(tmp_path)]) == 2, message
