"""The example of docs/sparse-transformers.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

PAGE = (Path(__file__).parents[3] / "docs" / "sparse-transformers.md").read_text(encoding="utf-8")


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    torch.set_num_threads(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "sparse-transformers.md", "exec"), names)
    assert np.shape(names["logits"]) == (4, 2)
