"""Heavy and optional packages are used in their rooms only, and load on use only.

Layers are checked by import-linter; it does not see imports by :func:`netwright.errors.require`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netwright

SOURCE = Path(netwright.__file__).parent
ROOMS = {
    "torch": {"models", "train", "compress", "explore", "flows", "studies"},
    "onnx": {"exchange"},
    "qonnx": {"exchange"},
    "onnxruntime": {"backends", "exchange"},
    "hls4ml": {"backends"},
    "matplotlib": {"report"},
    "scipy": {"compress", "explore", "kernels", "mapping", "solvers.py", "studies", "tasks"},
    "ortools": {"mapping", "solvers.py"},
    "pythia8mc": {"tasks"},
    "fastjet": {"tasks"},
    "awkward": {"tasks"},
    "brevitas": set(),
}
"""Who may import what: the extras in ``pyproject.toml`` name the same rooms."""


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names of all packages that a file imports, also through ``require``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0], node.lineno
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in ("require", "import_module") and isinstance(first, ast.Constant):
                yield str(first.value).partition(".")[0], node.lineno


def test_optional_packages_stay_in_their_rooms():
    strays = [
        f"{path.relative_to(SOURCE)}:{line}: {package}"
        for path in sorted(SOURCE.rglob("*.py"))
        for package, line in imported(path)
        if package in ROOMS and path.relative_to(SOURCE).parts[0] not in ROOMS[package]
    ]
    assert strays == []


@pytest.mark.parametrize(
    "room",
    [
        "ir",
        "passes",
        "workload",
        "arch",
        "mapping",
        "exchange",
        "backends",
        "verify",
        "tasks",
        "report",
        "flows",
        "run",
        "studies",
        "cli",
    ],
)
def test_room_loads_without_heavy_packages(room):
    heavy = sorted(set(ROOMS) - {"scipy"})
    code = (
        f"import sys; import netwright.{room}; "
        f"print(*(name for name in {heavy!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []
