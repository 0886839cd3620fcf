from __future__ import annotations

import pytest

from netwright.errors import UnsupportedOp
from netwright.ir import SPECS, Bounds, Node, OpSpec, spec_of


def test_magnitude_is_the_larger_side() -> None:
    assert Bounds(-5, 3).magnitude == 5
    assert Bounds(2, 7).magnitude == 7


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_operator_declares_itself(spec: OpSpec) -> None:
    assert SPECS[spec.name] is spec
    assert (spec.bounds is None) == (spec.form == "quantized")
    low, high = spec.num_inputs
    assert 1 <= low <= high
    for name, attribute in spec.attributes.items():
        free = ("steps", "operands", "precision", "parameter", "mask")
        absent = attribute.kind in ("int", "axis") or name in free
        assert attribute.required or absent


def test_unknown_operators_are_named() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        spec_of(Node("n", "Gelu", ("x",), "y"))
    assert str(caught.value) == (
        'node "n": operator "Gelu" is not supported by netwright\nhint: operators: '
        + ", ".join(SPECS)
    )
