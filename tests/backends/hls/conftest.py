"""Quick compilation of the many small projects."""

from __future__ import annotations

import pytest

from netwright.backends.hls import emulation


@pytest.fixture(autouse=True)
def quick_compiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No optimization, which takes half of g++'s time; slow tests and other rooms have it."""
    if request.node.get_closest_marker("slow") is None:
        quick = tuple("-O0" if flag == "-O2" else flag for flag in emulation.FLAGS)
        monkeypatch.setattr(emulation, "FLAGS", quick)
