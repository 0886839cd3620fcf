"""What callers hand to a kernel."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.kernels.arguments import check_apart, check_array, check_threads


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 3), np.int8), "x must be uint8 of shape (2, tokens), not int8 of (2, 3)"),
        (np.zeros((3, 3), np.uint8), "x must be uint8 of shape (2, tokens), not uint8 of (3, 3)"),
        (np.zeros(2, np.uint8), "x must be uint8 of shape (2, tokens), not uint8 of (2,)"),
        (
            np.zeros((2, 0), np.uint8),
            "x must be uint8 of shape (2, tokens), not uint8 of (2, 0)\nhint: lengths must be",
        ),
        ([[1]], "x must be an array, uint8 of shape (2, tokens), not list"),
    ],
)
def test_another_array_is_refused(value: Any, message: str) -> None:
    check_array("x", np.zeros((2, 1), np.uint8), np.uint8, (2, "tokens"))
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        check_array("x", value, np.uint8, (2, "tokens"))


def test_what_is_written_lies_apart_from_all_else() -> None:
    memory = np.zeros(10)
    check_apart({"a": memory[:3], "b": None}, {"c": memory[3:5], "d": memory[4:], "e": None})
    for written, read, message in (
        ({"a": memory[:3], "b": memory[2:4]}, {}, "a must not share memory with b"),
        ({"a": None, "b": memory[2:4]}, {"c": memory[3:]}, "b must not share memory with c"),
        ({"a": memory[:1]}, {"c": None, "d": memory}, "a must not share memory with d"),
    ):
        with pytest.raises(DataError, match=f"^{message}$"):
            check_apart(written, read)


@pytest.mark.parametrize("num_threads", [-1, 0, 257])
def test_numbers_of_threads_outside_are_refused(num_threads: int) -> None:
    check_threads(256)
    with pytest.raises(DataError, match=f"must be from 1 to 256, not {num_threads}$"):
        check_threads(num_threads)
