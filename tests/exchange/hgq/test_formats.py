import numpy as np
import pytest

from netwright.errors import DataError, UnsupportedOp
from netwright.exchange.hgq.formats import ROUNDING, Formats, is_uneven, quantized, read_formats
from netwright.formats import Overflow, Rounding


def formats(
    signed: list[int],
    integers: list[int],
    fractions: list[int],
    *,
    rounding: Rounding = Rounding.HALF_UP,
    overflow: Overflow = Overflow.SATURATE,
    symmetric: bool = False,
) -> Formats:
    arrays = np.array(signed, bool), np.array(integers), np.array(fractions)
    return Formats(*arrays, rounding, overflow, symmetric)


def test_codes_of_a_format() -> None:
    found = formats([1, 0, 1, 0, 1, 1], [2, 3, 0, -2, 3, -5], [3, -1, 0, 2, -3, 2])
    assert found.low.tolist() == [-32, 0, -1, 0, -1, 0]
    assert found.high.tolist() == [31, 3, 0, 0, 0, 0]
    assert found.is_empty.tolist() == [False, False, False, True, False, True]
    symmetric = formats([1, 0], [2, 2], [3, 3], symmetric=True)
    assert symmetric.low.tolist() == [-31, 0]


def test_constants_saturate() -> None:
    values = np.array([-9.0, 0.3, 9.0, 0.125, -0.125, 0.4], dtype=np.float32)
    found = quantized(values, formats([1] * 6, [1] * 6, [2] * 6))
    assert found.tolist() == [-2.0, 0.25, 1.75, 0.25, 0.0, 0.5]


def test_constants_wrap_or_stay() -> None:
    values = np.array([2.25, -2.5], dtype=np.float32)
    wraps = formats([1, 1], [1, 1], [2, 2], overflow=Overflow.WRAP)
    assert quantized(values, wraps).tolist() == [-1.75, 1.5]
    assert quantized(values, wraps, False).tolist() == [2.25, -2.5]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("TRN", [-3, -2, 1, 2]),
        ("RND", [-2, -1, 2, 3]),
        ("RND_CONV", [-2, -2, 2, 2]),
        ("TRN_ZERO", [-2, -1, 1, 2]),
        ("RND_ZERO", [-2, -1, 1, 2]),
        ("RND_MIN_INF", [-3, -2, 1, 2]),
        ("RND_INF", [-3, -2, 2, 3]),
    ],
)
def test_every_rounding_mode_on_ties(name: str, wanted: list[int]) -> None:
    values = np.array([-2.5, -1.5, 1.5, 2.5], dtype=np.float32)
    own = formats([1] * 4, [4] * 4, [0] * 4, rounding=ROUNDING[name])
    assert quantized(values, own).tolist() == wanted


def test_half_steps_are_added_in_single_precision() -> None:
    below = np.nextafter(np.float32(0.5), np.float32(0))  # plus a half: 1 in single precision
    assert quantized(np.array([below]), formats([1], [4], [0])).tolist() == [1.0]


def test_uneven_means_along_more_than_one_axis() -> None:
    assert not is_uneven(np.array([1, 2, 3]))
    assert not is_uneven(np.array([[1, 2], [1, 2]]))
    assert not is_uneven(np.array([[1, 1], [2, 2]]))
    assert is_uneven(np.array([[1, 2], [2, 1]]))


KIF = {"q_type": "kif", "round_mode": "RND", "overflow_mode": "WRAP"}


def arrays(**bits: list[float]) -> dict[str, np.ndarray]:
    kinds = {"k": np.uint8}
    return {
        f"p/quantizer/vars/{number}": np.array(values, dtype=kinds.get(name, np.float32))
        for number, (name, values) in enumerate(bits.items())
    }


def test_bits_are_read_in_the_order_of_the_file() -> None:
    found = read_formats(KIF, arrays(f=[2.4, 3.0], k=[0, 1], i=[1.0, -1.2]), "p", "fc")
    assert found is not None
    assert found.fractions.tolist() == [2, 3]
    assert found.integers.tolist() == [1, -1]
    assert found.signed.tolist() == [False, True]
    assert (found.rounding, found.overflow) == (Rounding.HALF_UP, Overflow.WRAP)
    weights = {"q_type": "kbi", "round_mode": "S_RND_CONV", "overflow_mode": "SAT_SYM"}
    found = read_formats(weights, arrays(b=[5.0], i=[2.0], k=[1]), "p", "fc")
    assert found is not None
    assert (found.fractions.tolist(), found.symmetric) == ([3], True)
    assert found.rounding is Rounding.HALF_EVEN


def test_an_element_never_seen_has_no_bits() -> None:
    found = read_formats(KIF, arrays(f=[4.0], k=[0], i=[-1e9]), "p", "fc")
    assert found is not None
    assert found.is_empty.all()
    assert read_formats({"q_type": "dummy"}, {}, "p", "fc") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q_type": "float"}, 'operator "quantizer float" is not supported by read_hgq'),
        ({"round_mode": "ODD"}, 'operator "rounding ODD" is not supported'),
        ({"overflow_mode": "WRAP_SM"}, 'operator "overflow WRAP_SM" is not supported'),
        ({"scaler": 2.0}, 'operator "quantizer with a scaler" is not supported'),
    ],
)
def test_other_quantizers_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UnsupportedOp, match=message):
        read_formats({**KIF, **change}, arrays(f=[2.0], k=[0], i=[1.0]), "p", "fc")


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"f": [2.0], "k": [0]}, "the bits of a quantizer are missing at p/quantizer/vars"),
        ({"k": [0], "f": [2.0], "i": [1.0]}, "the bits of a quantizer are missing"),
        ({"f": [2.0], "k": [3], "i": [1.0]}, "must be 0 or 1"),
        ({"f": [99.0], "k": [1], "i": [1.0]}, "must be from -62 to 62"),
        ({"f": [40.0], "k": [1], "i": [40.0]}, "must have at most 62 bits"),
    ],
)
def test_bits_out_of_range_are_refused(bits: dict[str, list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_formats(KIF, arrays(**bits), "p", "fc")
