"""The example of docs/events.md runs."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_example_runs():
    page = Path(__file__).parents[3] / "docs" / "events.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert (result.failed, result.attempted > 5) == (0, True)
