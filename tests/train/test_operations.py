"""What is simulated, its codes and its nodes agree on grids of powers of two."""

from __future__ import annotations

import pytest

from netwright.train.operations import Clip, Interval, Operation, QuantActivation
from tests.train.stepwise import network, quantizer, require_alike, rows

OPERATIONS: dict[str, Operation] = {
    "quantizer": QuantActivation(quantizer(0.25, 5)),
    "relu": QuantActivation(quantizer(0.25, 5, signed=False), Interval(0.0)),
    "relu, signed": QuantActivation(quantizer(0.25, 5), Interval(0.0)),
    "hardtanh": QuantActivation(quantizer(0.25, 5), Interval(-1.0, 1.5)),
    "clip": Clip(Interval(-1.0, 1.5)),
    "clip below": Clip(Interval(0.0)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_codes_are_what_is_simulated(name: str) -> None:
    require_alike(network(OPERATIONS[name]), rows())


@pytest.mark.parametrize("operation", ["relu", "relu, signed", "clip below"])
def test_negative_values_are_cut(operation: str) -> None:
    codes = network(OPERATIONS[operation]).codes(*rows())
    assert codes.min() == 0
    assert codes.max() > 0


def test_limits_go_to_the_nearest_step() -> None:
    found = QuantActivation(quantizer(0.25, 5), Interval(-1.0, 1.6))
    assert found.limits() == (-4, 6)
