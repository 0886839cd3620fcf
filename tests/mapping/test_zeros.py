from __future__ import annotations

from fractions import Fraction

import pytest

from netwright.arch import Compute
from netwright.formats import MXFP4, NM, Blocks, Density, Format, Int, Pattern
from netwright.mapping.zeros import (
    EVENLY,
    is_skipped,
    multiplied,
    not_plain,
    share_of,
    told,
    work_share,
)
from netwright.workload import Tensor, cascade


def unit(*exploits: str) -> Compute:
    return Compute(kind="compute", name="pe", parent="dram", exploits=exploits)


def tensor(pattern: Pattern | None, bits: int = 8) -> Tensor:
    return Tensor("w", (8, 8), Format(Int(bits), pattern=pattern), "weight")


@pytest.mark.parametrize(
    ("pattern", "exploits", "skipped"),
    [
        (NM(2, 4), ("nm",), True),
        (NM(2, 4), ("blocks",), False),
        (NM(2, 4), ("density",), True),
        (NM(2, 4), ("int8",), True),
        (NM(2, 4), ("int4",), False),
        (NM(4, 4), ("nm",), False),
        (None, ("density", "int8"), False),
        (Blocks(4, density=0.5), ("blocks", "nm"), True),
    ],
)
def test_a_unit_skips_what_it_says_it_exploits(
    pattern: Pattern | None, exploits: tuple[str, ...], skipped: bool
) -> None:
    assert is_skipped(tensor(pattern), unit(*exploits)) == skipped


def test_zeros_that_are_stored_are_not_skipped() -> None:
    assert not is_skipped(tensor(NM(2, 4), bits=1), unit("nm"))


def test_shares_of_operands_multiply() -> None:
    both = (tensor(NM(1, 4)), tensor(Density(0.5)))
    assert work_share(both, unit("nm")) == Fraction(1, 4)
    assert work_share(both, unit("density")) == Fraction(1, 8)
    assert work_share(both, unit()) == 1
    assert share_of(9, Fraction(1, 8)) == 2


def test_what_is_told() -> None:
    assert told([tensor(None)], unit("nm")) == ()
    assert told([tensor(NM(2, 4))], unit("nm")) == (
        "pe multiplies by 32 of 64 elements of w, NM(2:4)", EVENLY,
    )  # fmt: skip
    assert told([tensor(NM(2, 4))], unit()) == (
        "pe multiplies by the zeros of w too, NM(2:4)", EVENLY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("T[a] = add(b: A[a, b] * W[a, b])", ["A", "W"]),
        ("T[a, b] = A[a, b] * W[a, b]", ["A", "W"]),
        ("T[a] = max(b: A[a, b] * W[a, b])", []),  # 0 may be the largest
        ("T[a, b] = exp(A[a, b] * W[a, b])", []),  # of 0 comes 1
        ("T[a, b] = A[a, b] + W[a, b]", []),
        ("T[a] = add(b: A[a, b])", []),
        ("T[a] = add(b: A[a, b] * W[a, b] * S[a])", ["A", "W"]),  # S is applied in the end
    ],
)
def test_zeros_of_products_alone_are_skipped(line: str, wanted: list[str]) -> None:
    inputs = ", ".join(own for own in ("A[a, b]", "W[a, b]", "S[a]") if own in line)
    workload = cascade.parse(f"rank a = 4, b = 4\ninput {inputs}\n{line}")
    assert [tensor.name for tensor in multiplied(workload, workload.einsums[0])] == wanted


def test_what_is_stored_beside_elements_is_named() -> None:
    assert not_plain(tensor(NM(2, 4))) == "has the zeros of NM(2:4), which are not stored"
    assert not_plain(tensor(NM(2, 4), bits=1)) == ""
    assert not_plain(tensor(None)) == ""
    assert not_plain(Tensor("w", (64, 64), Format(MXFP4))) == (
        "is e2m1fx32-e8m0, whose elements share scales"
    )
