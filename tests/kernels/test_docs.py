"""The examples of docs/kernels.md run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "kernels.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnx", "qonnx"):
        pytest.importorskip(package, reason=f"needs {package}")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    examples = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    exec(compile(examples, "kernels.md", "exec"), names)
    for name in ("sums", "codes", "real", "real_sums", "mixed", "nm_sums"):
        assert np.shape(names[name]) == (768, 128)
    assert (tmp_path / "layer.onnx").exists()
