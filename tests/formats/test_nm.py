from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats import NM


def test_fault_names_the_first_group_too_full() -> None:
    values = np.zeros((2, 8))
    values[0, [0, 3, 4, 7]] = 1
    assert NM(2, 4, axis=1).fault(values) == ""
    values[1, [5, 6, 7]] = 2
    message = "NM(2:4) allows 2 of 4 elements, the group that begins at (1, 4) has 3"
    assert NM(2, 4, axis=1).fault(values) == message
    assert NM(2, 4).fault(values) == "NM(2:4) must divide axis 0, which has extent 2"
    assert NM(2, 4, axis=2).fault(values) == "the axis of NM(2:4) must be from 0 to 1, not 2"


@pytest.mark.parametrize(
    ("kept", "group", "message"),
    [
        (5, 4, "N:M must keep from 0 to 4 of a group, not 5"),
        (-1, 4, "N:M must keep from 0 to 4 of a group, not -1"),
        (1, 0, "N:M group must be from 1 to 1024, not 0"),
    ],
)
def test_patterns_without_meaning_are_refused(kept: int, group: int, message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}$"):
        NM(kept, group)
