from __future__ import annotations

import pytest

from netwright.errors import NumericsError
from netwright.formats import check_bits


def test_check_bits_names_what_was_checked():
    with pytest.raises(NumericsError, match="weight_bits must be an integer from 2 to 64, not 1"):
        check_bits(1, what="weight_bits", smallest=2)
    assert check_bits(2, smallest=2) == 2
