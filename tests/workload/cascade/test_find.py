from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.workload.cascade import find, published


def test_published_cascades_have_the_name_of_their_file():
    assert {find(name).name for name in published()} == set(published())
    assert {"attention_1pass", "attention_2pass", "attention_3pass"} <= set(published())


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"(?s)no cascade is called \"flash\".*attention_1pass"):
        find("flash")
