from __future__ import annotations

from netwright.formats import AP_FIXED_ROUNDING, QONNX_ROUNDING, Rounding


def test_foreign_rounding_names_are_unique():
    for table in (QONNX_ROUNDING, AP_FIXED_ROUNDING):
        assert len(set(table.values())) == len(table)
    # The trap of the two vocabularies: QONNX's HALF_UP rounds ties away from zero.
    assert QONNX_ROUNDING[Rounding.HALF_AWAY] == "HALF_UP"
    assert Rounding.HALF_UP not in QONNX_ROUNDING
