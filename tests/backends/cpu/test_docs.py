"""The examples of docs/sparse-transformers.md and docs/backends-cpu.md run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from netwright.backends.cpu.minilm import WEIGHTS
from netwright.exchange.bert.package import PACKAGE
from netwright.kernels.products import PRODUCTS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "sparse-transformers.md").read_text(encoding="utf-8")
TRAINING, SHIPPED, CHECKPOINT, OPERATOR = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def run(example: str) -> dict[str, object]:
    torch.set_num_threads(1)
    names: dict[str, object] = {}
    exec(compile(example, "sparse-transformers.md", "exec"), names)
    return names


def test_training_checkpoint_and_operator_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names = run(TRAINING + CHECKPOINT + OPERATOR)
    assert np.shape(names["logits"]) == (4, 2)
    assert np.shape(names["found"]) == (64, 10)
    assert (tmp_path / "encoder.nwt").exists()


def test_the_shipped_encoder_knows_good_from_bad() -> None:
    for package in ("onnxruntime", "tokenizers", "safetensors", PACKAGE, WEIGHTS):
        pytest.importorskip(package, reason=f"needs {package}")
    assert np.argmax(run(SHIPPED)["logits"], axis=1).tolist() == [1, 0]


def test_the_page_of_the_backend_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "backends-cpu.md").read_text(encoding="utf-8")
    names = run("".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)))
    told = capsys.readouterr().out.splitlines()
    (shown,) = re.findall(r"# (\d+ real operators within their tolerance)", page)
    assert told[0].startswith(shown)
    assert "operators on codes equal" in told[1]
    (kernels,) = re.findall(r"# (\{.*\})", page)
    assert told[2] == kernels
    assert all(f"`{kernel.name}`" in page for kernel in PRODUCTS)
    assert names["mixed"] != names["graph"]
