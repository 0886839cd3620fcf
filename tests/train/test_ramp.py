from __future__ import annotations

import math

import pytest

from netwright.errors import ConfigError
from netwright.train import Ramp


def test_the_ramp_is_that_of_zhu_and_gupta() -> None:
    ramp = Ramp(0.1, 0.9, begin=0.2, until=0.6)
    assert ramp.at(0.0) == ramp.at(0.2) == pytest.approx(0.1)
    assert ramp.at(0.4) == pytest.approx(0.9 + (0.1 - 0.9) * 0.5**3)
    assert ramp.at(0.6) == ramp.at(1.0) == 0.9


def test_a_ramp_may_fall_along_a_line() -> None:
    assert [Ramp(1, 0, power=1).at(share) for share in (0, 0.25, 1)] == [1, 0.75, 0]


@pytest.mark.parametrize(
    "given", [{"begin": 0.5, "until": 0.5}, {"until": 1.1}, {"power": 0}, {"end": math.nan}]
)
def test_values_out_of_range_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a ramp must"):
        Ramp(**{"start": 0.0, "end": 1.0, **given})
