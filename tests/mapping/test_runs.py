from __future__ import annotations

import pytest

from netwright import arch
from netwright.errors import Infeasible
from netwright.mapping import fusion
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import Runs, bindings_of, tiles_of
from netwright.workload import cascade


def test_tiles_are_divisors_far_apart():
    assert tiles_of(1024) == (256, 64, 16, 4, 1)
    assert tiles_of(7) == (1,)
    assert tiles_of(1) == ()
    assert tiles_of(1 << 40) == tuple(1 << n for n in range(38, -1, -2))
    assert tiles_of((1 << 40) - 87) == (1,)  # a prime


def runs(text: str) -> Runs:
    return Runs(aligned(cascade.parse(text)), arch.find("fusemax"), 4)


def test_equal_runs_have_one_name_and_functions_tell_them_apart():
    """Three squares of the same kind in a row, then an exponential."""
    own = runs("""
        rank a = 4
        input A[a]
        B[a] = square(A[a])
        C[a] = square(B[a])
        D[a] = square(C[a])
        E[a] = exp(D[a])
        F[a] = exp(E[a])
    """)
    assert own.name(1, 2) == own.name(2, 3)
    assert own.name(2, 3) != own.name(3, 4)


def test_units_that_do_all_operators():
    workload = cascade.parse("rank a = 4\ninput A[a]\nB[a] = exp(A[a])\nC[a] = erf(B[a])\n")
    assert bindings_of(workload, arch.find("fusemax")) == {"B": "square_elements"}


def test_a_product_that_none_of_several_units_does_is_named():
    """It can only stream, and each of its operands is needed again: no size of memory would do."""
    text = "rank a = 4, b = 4, c = 4\ninput A[a, b], B[b, c]\nT[a, c] = add(b: A[a, b] * B[b, c])\n"
    two = arch.find("fusemax")
    for unit in ("square_elements", "row_elements"):
        two = two.with_changes(unit, {"operators": {"exp": arch.Operator()}})
    with pytest.raises(Infeasible, match="no unit does mac of T, so that it streams") as caught:
        fusion(cascade.parse(text), two)
    assert caught.value.hint == "square_elements does exp; row_elements does exp"
