"""Markers, golden files and one deterministic profile for property tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

GOLDEN_FOLDER = Path(__file__).parent / "golden"

# Workers that run side by side have one thread each; NumPy reads the variables when it is loaded.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

from netwright.files import write_text  # noqa: E402

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files instead of comparing with them",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as this one may use cores, each with 2 GB of memory for itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores or 1, memory_bytes // 2_000_000_000))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No content of files in names of tests: archives hold the time at which they were made."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("tool"):
            missing = [tool for tool in marker.args if shutil.which(tool) is None]
            if missing:
                reason = f"needs {', '.join(missing)}, which is not installed"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a file in tests/golden; `--update-golden` rewrites the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN_FOLDER / name
        if request.config.getoption("--update-golden"):
            write_text(path, text)
        elif not path.exists():
            pytest.fail(f"tests/golden/{name} does not exist; run `make golden` to write it")
        assert text == path.read_text(encoding="utf-8"), (
            f"tests/golden/{name} differs; if the change is intended, run `make golden`"
        )

    return compare
