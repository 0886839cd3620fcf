from __future__ import annotations

from netwright.backends import encoders
from netwright.backends.cpu import engine


def test_the_names_are_there() -> None:
    assert all(hasattr(encoders, name) for name in encoders.__all__)
    assert encoders.build_engine is engine.build_engine
