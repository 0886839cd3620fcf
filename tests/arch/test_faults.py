from __future__ import annotations

import pytest
from pydantic import ValidationError

from netwright import arch
from netwright.arch.faults import example, sentences


def test_examples_are_complete_figures():
    assert example("leakage") == 'leakage = { value = 3, unit = "mW", source = "data sheet" }'


def test_place_and_kind_of_every_fault_are_told():
    nodes = [{"kind": "array", "name": "array", "parent": "", "fanout": [0]},
             {"kind": "link", "name": "l", "parent": "array", "energy": 3}]  # fmt: skip
    with pytest.raises(ValidationError) as caught:
        arch.Architecture.model_validate({"name": "a", "nodes": nodes}, strict=False)
    assert sentences(caught.value) == [
        "nodes[0].fanout[0]: should be greater than or equal to 1",
        "nodes[1].energy: must be a table with its unit and source, such as "
        'energy = { value = 0.2, unit = "pJ", source = "data sheet" }',
    ]
