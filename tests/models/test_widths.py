"""Widths of layers: what is accepted."""

from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.models.widths import MAX_WIDTH, check_widths


def test_widths_that_fit_are_accepted() -> None:
    check_widths("hidden", (), before=4, behind=2)
    check_widths("hidden", (MAX_WIDTH,), before=4096, behind=1)


@pytest.mark.parametrize("widths", [(0,), (MAX_WIDTH + 1,), (8, True), (8, 2.0)])
def test_a_width_out_of_range_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="hidden must be positive integers up to 65536"):
        check_widths("hidden", widths)


def test_a_layer_that_fills_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(ConfigError, match="a layer of 65536 x 65536 weights"):
        check_widths("hidden", (MAX_WIDTH, MAX_WIDTH), before=1, behind=1)
