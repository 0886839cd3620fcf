from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats import Density


def test_fault_names_the_first_element_too_many() -> None:
    values = np.array([[0, 1], [2, 3]])
    assert Density(0.75).fault(values) == ""
    assert Density(3 / 4).num_values((2, 2)) == 3
    assert Density(0.5).fault(values) == (
        "3 of 4 elements are not zero, Density(0.5) allows 2; the first too many is at (1, 1)"
    )


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(density: float) -> None:
    with pytest.raises(NumericsError, match=f"^density must be from 0 to 1, not {density}$"):
        Density(density)
