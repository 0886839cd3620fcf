from __future__ import annotations

from fractions import Fraction

import pytest

from netwright.arch import Compute
from netwright.formats import NM, Blocks, Density, Format, Int, Pattern
from netwright.mapping.zeros import EVENLY, is_skipped, share_of, told, work_share
from netwright.workload import Tensor


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
