from __future__ import annotations

import pytest
from pydantic import ValidationError

from netwright.explore.settings import SearchSettings


@pytest.mark.parametrize(
    ("name", "most"), [("time_limit_s", 100_000_000), ("memory_limit_mb", 1_000_000_000)]
)
def test_limits_that_no_system_can_keep_to_are_refused(name, most):
    assert getattr(SearchSettings(**{name: most}).limits, "bytes" if "mb" in name else "seconds")
    with pytest.raises(ValidationError, match=f"less than or equal to {most}"):
        SearchSettings(**{name: most * 10})
