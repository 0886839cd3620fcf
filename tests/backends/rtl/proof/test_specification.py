from fractions import Fraction

import pytest

from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.proof.specification import REMAINDERS, Specification, Term
from netwright.formats import Rounding
from netwright.ir.rounding import round_shift


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [1, 2, 3])
def test_every_mode_determines_one_quotient(rounding: Rounding, shift: int) -> None:
    """The relation in the specification, read as Python, against the nearest-integer definition."""
    import numpy as np

    step = 1 << shift
    text = REMAINDERS[rounding]
    for value in range(-3 * step, 3 * step + 1):
        fitting = []
        for quotient in range(-5, 6):
            said = text.format(
                r=value - quotient * step, v=value, q=f"Q({quotient})", one=step, half=step // 2
            )
            if holds(said):
                fitting.append(quotient)
        assert fitting == [int(round_shift(np.array([value]), shift, rounding)[0])]
        assert abs(Fraction(value, step) - fitting[0]) < 1


class Q(int):
    """An integer with Verilog's bit selection."""

    def __getitem__(self, bit: int) -> int:
        return self >> bit & 1


def holds(text: str) -> bool:
    condition, _, rest = text.partition(" ? ")
    if rest:
        then, _, other = rest.partition(" : ")
        text = then if holds(condition) else other
    python = text.replace("&&", " and ").replace("||", " or ").replace("!(", "not (")
    return bool(eval(python, {"Q": Q}))  # noqa: S307 - text of this package


def test_sums_of_multiples_are_folded() -> None:
    term = Term(Wire("x", (-4, 3)), (-4, 3)).linear(-1, -333).linear(-5, 5)
    assert (term.factor, term.offset, term.interval) == (5, 1670, (1650, 1685))


def test_a_multiple_in_the_circuit_is_used() -> None:
    wire = Wire("x", (-4, 3))
    made = Specification({("x", 5): (("far", 0), ("near", 7))}, frozenset({"near"}))
    made.text(Term(wire, wire.interval).linear(-10, 1))
    assert made.lines == ["wire signed [BITS-1:0] s0 = ($signed(near)) * @-2@ + @15@;"]
    assert made.variables["near"].interval == (-13, 22)


def test_the_width_holds_every_number() -> None:
    made = Specification({}, frozenset())
    wire = Wire("x", (0, 255))
    rounded = made.rounded(Term(wire, wire.interval), 4, Rounding.FLOOR)
    made.text(rounded)
    assert rounded.interval == (0, 16)
    assert 1 << made.bits > 2 * (255 + 16 * 16)


def test_the_largest_of_numbers() -> None:
    made = Specification({}, frozenset())
    terms = [Term(Wire("x", (-3, 5)), (-3, 5)), Term.constant(1), Term(Wire("y", (0, 4)), (0, 4))]
    assert made.largest(terms).interval == (1, 5)
    assert len(made.lines) == 6
