import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.backends.hls.registers import (
    clamping,
    exponent_of_scale,
    holding,
    reals,
    wrapping,
)
from netwright.errors import GraphError, NumericsError
from netwright.formats import Bipolar, Fixed, Int, Overflow, Rounding
from netwright.ir import Graph, TensorType

FLOOR = Rounding.FLOOR


def ends(register: Fixed) -> tuple[int, int]:
    dtype = Int(register.bits, register.signed, register.narrow)
    return dtype.min, dtype.max


@pytest.mark.parametrize(
    ("scale", "exponent"),
    [((0.125,), -3), ((1.0,), 0), ((3.0,), 1), ((0.3,), -2), ((0.5, 0.25), -2), ((-2.0,), 1)],
)
def test_exponent_is_the_logarithm_or_just_below(scale: tuple[float, ...], exponent: int) -> None:
    assert exponent_of_scale(scale) == exponent


@pytest.mark.parametrize(
    ("reach", "limits", "text"),
    [
        ((-90, 90), (0, 63), "ufixed<6,6,TRN,SAT>"),
        ((-90, 90), (-32, 31), "fixed<6,6,TRN,SAT>"),
        ((-90, 90), (-31, 31), "fixed<6,6,TRN,SAT_SYM>"),
        ((0, 90), (-32, 31), "ufixed<5,5,TRN,SAT>"),
        ((-5, 9), (-32, 31), "fixed<5,5,TRN,SAT>"),
        ((3, 9), (0, 200), "ufixed<4,4,TRN,SAT>"),
    ],
)
def test_clamping_chooses_the_narrowest_register(
    reach: tuple[int, int], limits: tuple[int, int], text: str
) -> None:
    register = clamping(reach, limits, 0, FLOOR)
    assert register is not None
    assert register.ap_fixed_name() == text


@pytest.mark.parametrize("limits", [(-5, 5), (0, 62), (1, 16), (-32, 30)])
def test_clamping_gives_up_on_uneven_limits(limits: tuple[int, int]) -> None:
    assert clamping((-90, 90), limits, 0, FLOOR) is None


@given(
    st.integers(-40, 40),
    st.integers(0, 40),
    st.integers(-40, 40),
    st.integers(0, 40),
    st.integers(-9, 9),
)
def test_clamping_is_the_clamp(low: int, span: int, lowest: int, width: int, exponent: int) -> None:
    values = np.arange(lowest, lowest + width + 1)
    register = clamping((lowest, lowest + width), (low, low + span), exponent, FLOOR)
    if register is not None:
        assert register.overflow is Overflow.SATURATE
        assert register.integer_bits - register.bits == exponent
        clamped = np.clip(values, *ends(register))
        assert np.array_equal(clamped, np.clip(values, low, low + span))


@given(st.integers(-(2**50), 2**50), st.integers(0, 2**50), st.integers(-60, 60))
def test_holding_covers_the_interval(low: int, span: int, exponent: int) -> None:
    register = holding(low, low + span, exponent)
    assert ends(register)[0] <= low
    assert low + span <= ends(register)[1]
    assert register.integer_bits - register.bits == exponent


def test_wrapping_follows_the_declared_format() -> None:
    types = {
        "a": TensorType((1,), Int(6, signed=False)),
        "b": TensorType((1,), Bipolar()),
        "c": TensorType((1,)),
    }
    graph = Graph("g", (), (), (), types, {})
    assert wrapping(graph, "a", -2).ap_fixed_name() == "ufixed<6,4,TRN,WRAP>"
    assert wrapping(graph, "b", 1).ap_fixed_name() == "fixed<2,3,TRN,WRAP>"
    with pytest.raises(GraphError) as caught:
        wrapping(graph, "c", 0)
    assert str(caught.value) == 'tensor "c" must have an integer format, not float32'


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1), st.integers(-40, 40))
def test_reals_are_exact(codes: list[int], exponent: int) -> None:
    back = np.ldexp(reals(codes, exponent), -exponent)
    assert back.astype(np.int64).tolist() == codes


def test_reals_refuse_what_a_double_cannot_hold() -> None:
    with pytest.raises(NumericsError) as caught:
        reals([2**53 + 1], 0)
    assert str(caught.value) == (
        "the constant 9007199254740993 has more than 53 significant bits\n"
        "hint: use fewer weight or activation bits"
    )
