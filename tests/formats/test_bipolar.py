from __future__ import annotations

from netwright.formats import Bipolar


def test_bipolar_leaves_out_zero():
    assert [code for code in range(-3, 4) if Bipolar().allowed(code)] == [-1, 1]
    assert (Bipolar().bits, Bipolar().signed) == (1, True)
