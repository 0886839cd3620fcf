"""What a user writes, as settings."""

from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.settings import Settings, check


class Oven(Settings):
    celsius: float
    trays: tuple[int, ...] = ()


def test_a_list_fills_a_tuple() -> None:
    assert check({"celsius": 180.0, "trays": [1, 3]}, Oven, source="oven.toml").trays == (1, 3)


def test_every_fault_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        check({"celsius": "hot", "tray": [1]}, Oven, source="oven.toml")
    assert str(caught.value) == (
        "oven.toml: 2 settings are not accepted\n"
        '  celsius must be a number, not "hot"\n'
        '  tray is not a setting of the file; did you mean "trays"?'
    )


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ConfigError, match="celsius must be a finite number"):
        check({"celsius": float("inf")}, Oven, source="oven.toml")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Oven(celsius=1.0).celsius = 2.0  # type: ignore[misc]
