from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from netwright.mapping import Residency
from tests.mapping.test_legality import LEGAL, stay


def test_mappings_are_values():
    assert stay("x", 0, 0, 12) == LEGAL.residencies[0]
    assert hash(LEGAL) == hash(LEGAL)
    with pytest.raises(FrozenInstanceError):
        LEGAL.residencies[0].offset = 3
    assert isinstance(LEGAL.residencies[0], Residency)
