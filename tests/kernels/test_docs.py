"""The examples of docs/kernels.md and docs/spgemm.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> dict[str, object]:
    """What the examples of a page made."""
    names: dict[str, object] = {}
    text = (DOCS / page).read_text(encoding="utf-8")
    found = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    exec(compile(found, page, "exec"), names)
    return names


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnx", "qonnx"):
        pytest.importorskip(package, reason=f"needs {package}")
    monkeypatch.chdir(tmp_path)
    names = examples("kernels.md")
    for name in ("sums", "codes", "real", "real_sums", "mixed", "nm_sums"):
        assert np.shape(names[name]) == (768, 128)
    assert (tmp_path / "layer.onnx").exists()


def test_sparse_products_are_those_of_scipy() -> None:
    pytest.importorskip("scipy", reason="needs scipy")
    names: dict[str, Any] = examples("spgemm.md")
    expected = names["a"] @ names["a"]
    assert (names["product"] != expected).nnz == 0
    assert names["made"].products > names["made"].entries > 0
    assert names["paths"].nnz == expected.nnz == names["shortest"].nnz
