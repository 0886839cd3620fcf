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
        (1.5, 4, "N:M kept must be an integer, not 1.5"),
        (2, "4", "N:M group must be an integer, not '4'"),
        (True, 4, "N:M kept must be an integer, not True"),
    ],
)
def test_patterns_without_meaning_are_refused(kept: int, group: int, message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}$"):
        NM(kept, group)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint64", "float32"])
def test_the_largest_of_a_group_stay_whatever_their_type(dtype: str) -> None:
    low, high = (0, 1) if dtype == "bool" else (0, 255) if dtype[0] == "u" else (3, -128)
    values = np.array([low, high, high, low], dtype)
    assert NM(1, 2).mask(values).tolist() == [False, True, True, False]


def test_what_has_no_magnitude_is_refused() -> None:
    with pytest.raises(NumericsError, match=r"^N:M cannot order NaN by magnitude$"):
        NM(2, 4).mask(np.array([np.nan, 1, 2, 3]))
    with pytest.raises(NumericsError, match=r"^N:M needs numbers, not object$"):
        NM(1, 2).mask(np.array(["a", "b"], object))
