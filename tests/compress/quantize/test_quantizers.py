"""What every quantizer must do, and the searches against a slow route."""

import numpy as np
import pytest

from netwright.compress.quantize import Quantizer, pair_shares, quantizer
from netwright.errors import ConfigError, NumericsError
from netwright.formats import Flint, Float, Format, Int, OutlierPairs
from netwright.formats.hadamard import block_of, rotated

NAMES = [
    ("absmax", 4), ("absmax(scale=power-of-two)", 4), ("mse", 4), ("mse(numbers=flint)", 4),
    ("mse(numbers=int-or-flint)", 4), ("outlier", 4), ("outlier(rule=left)", 4), ("outlier", 8),
    ("outlier(types=int4)", 4), ("outlier(outlier=e2m5)", 8), ("hadamard", 4),
    ("hadamard(inner=absmax,block=4)", 4), ("mx", 4), ("mx", 6), ("mx(element=e3m2)", 6),
    ("mx(element=int8)", 8), ("mx(element=e5m2)", 8), ("nvfp4", 4), ("half", 16),
]  # fmt: skip


def heavy(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Values with outliers."""
    return np.random.default_rng(seed).standard_t(3, shape) * 0.02


def error(format: Format, values: np.ndarray) -> float:
    return float(np.square(format.nearest(values) - values).mean() / np.square(values).mean())


@pytest.mark.parametrize(("name", "bits"), NAMES)
@pytest.mark.parametrize("channel_axis", [0, None])
def test_the_format_stores_values_near_those_that_were_seen(
    name: str, bits: int, channel_axis: int | None
) -> None:
    values = heavy((6, 64))
    made = quantizer(name, bits)
    if made.most_rotated > 1:
        values = rotated(values, block_of(64, made.most_rotated))
        made = quantizer(str(made.inner), bits)
    found = made.fit(values, channel_axis=channel_axis, group_axis=1)
    assert found.group_axis == (1 if found.number.group > 1 else -1)
    assert len(found.scale) in (1, 6)
    assert error(found, values) < {4: 0.12, 6: 0.01, 8: 0.01, 16: 1e-6}[bits]
    assert made.stored_bits >= found.bits


def test_absmax_clips_nothing() -> None:
    values = np.array([[0.5, -3.5], [0.0, 0.07]])
    found = quantizer("absmax", 4).fit(values, channel_axis=0, group_axis=1)
    assert found.scale == pytest.approx((0.5, 0.01))
    shifts = quantizer("absmax(scale=power-of-two)", 4).fit(values, channel_axis=0, group_axis=1)
    assert shifts.scale == (0.5, 2.0**-6)


def test_mse_is_the_best_of_all_scales_on_its_ladder() -> None:
    values = heavy((1, 200), seed=3).astype(np.float32)
    found = quantizer("mse", 4).fit(values, channel_axis=None, group_axis=1)
    top = float(np.abs(values).max()) / 7
    every = [error(Format(Int(4), (top * 2 ** (-k / 12),)), values) for k in range(96)]
    assert error(found, values) == pytest.approx(min(every), rel=1e-5)


def test_the_outlier_search_is_that_of_the_paper() -> None:
    """A slow route: every share, both types, pair by pair by the format's own words."""
    values = heavy((2, 96), seed=5).astype(np.float32)
    found = quantizer("outlier", 4).fit(values, channel_axis=0, group_axis=1)
    least = {}
    for normal in ("int4", "flint4"):
        number, errors = OutlierPairs(normal), []
        for row in values.astype(np.float64):
            reach = max(abs(row.mean() + 3 * row.std()), abs(row.mean() - 3 * row.std()))
            tried = []
            for share in range(75, 249, 2):
                step = share / 100 * reach / number.normals[-1]
                stored = number.decode(number.encode(row / step)) * step
                tried.append((float(np.square(stored - row).sum()), step))
            errors.append(min(tried))
        least[normal] = sum(e for e, _ in errors), [step for _, step in errors]
    best = min(least, key=lambda name: least[name][0])
    assert found.number == OutlierPairs(best)
    assert found.scale == pytest.approx(least[best][1], rel=1e-4)


def test_neighbors_are_those_along_the_grouped_axis() -> None:
    """Columns of the transposed tensor are coded as the rows of the tensor."""
    values = heavy((8, 64), seed=1)
    for name in ("outlier", "mse", "nvfp4", "mx"):
        made = quantizer(name, 4)
        rows = made.fit(values, channel_axis=0, group_axis=1)
        columns = made.fit(np.ascontiguousarray(values.T), channel_axis=1, group_axis=0)
        assert columns.scale == rows.scale
        assert columns.number == rows.number
        assert np.array_equal(columns.nearest(values.T), rows.nearest(values).T)


def test_outliers_keep_their_size_where_integers_lose_theirs() -> None:
    values = np.random.default_rng(2).normal(0, 1, (1, 4096))
    values[0, ::512] = 30
    pairs, whole, clipped = (
        error(quantizer(name, 4).fit(values, channel_axis=None, group_axis=1), values)
        for name in ("outlier", "absmax", "mse")
    )
    assert pairs < 0.3 * min(whole, clipped)


@pytest.mark.parametrize(("name", "bits"), NAMES)
def test_odd_tensors_have_a_format_or_a_reason(name: str, bits: int) -> None:
    made = quantizer(name, bits)
    zeros = made.fit(np.zeros((3, 64)), channel_axis=0, group_axis=1)
    assert all(step > 0 for step in zeros.scale)
    assert not zeros.nearest(np.zeros((3, 64))).any()
    tiny = np.full((3, 64), 1e-45, np.float32)  # a layer that decayed: no scale divides by zero
    assert made.fit(tiny, channel_axis=0, group_axis=1) == zeros
    dead = heavy((3, 64))
    dead[1] = 0
    assert all(np.isfinite(made.fit(dead, channel_axis=0, group_axis=1).scale))
    equal = np.full((2, 64), -0.3)  # nothing but outliers
    if made.most_rotated == 1:
        assert error(made.fit(equal, channel_axis=0, group_axis=1), equal) < 0.03
    for bad in (np.nan, np.inf):
        broken = heavy((2, 64))
        broken[1, 3] = bad
        with pytest.raises(NumericsError, match=r"at \(1, \d+\) is"):
            made.fit(broken, channel_axis=0, group_axis=1)
    with pytest.raises(NumericsError, match="needs values"):
        made.fit(np.zeros((0, 64)), channel_axis=None, group_axis=1)


def test_odd_extents_are_padded_for_the_search() -> None:
    for name in ("outlier", "mx", "nvfp4"):
        assert quantizer(name, 4).fit(heavy((4, 7)), channel_axis=0, group_axis=1)
    with pytest.raises(NumericsError, match="needs an even extent, not 7"):
        quantizer("hadamard", 4).fit(heavy((4, 7)), channel_axis=0, group_axis=1)


@pytest.mark.parametrize(
    ("name", "bits", "message"),
    [
        ("outlie", 4, '"outlie" is not one of the quantizers; did you mean "outlier"?'),
        ("outlier(rule=right)", 4, "rule must be"),
        ("outlier(types=int8)", 4, "types of 4 bits are int4, flint4, not int8"),
        ("outlier", 5, "bits must be"),
        ("mx", 5, "bits must be"),
        ("mx(element=e4m3)", 4, "elements of 4 bits are e2m1, not e4m3"),
        ("nvfp4", 8, "bits must be"),
        ("absmax(steps=3)", 4, "steps is not a setting"),
        ("absmax(bits=3)", 4, "each once and not bits"),
        ("absmax(scale)", 4, "must be option=value"),
        ("absmax(", 4, "a quantizer must be NAME or NAME(option=value, ...)"),
        ("hadamard(inner=hadamard)", 4, "without rotation behind it"),
        ("x" * 1000, 4, "a quantizer must be NAME"),
    ],
)
def test_names_that_stand_for_no_quantizer(name: str, bits: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        quantizer(name, bits).fit(heavy((2, 64)), channel_axis=0, group_axis=1)
    assert message in str(caught.value)


def test_axes_that_cannot_be() -> None:
    for axes, message in (((0, 0), "cannot both lie along axis 0"), ((5, 1), "channel_axis must")):
        with pytest.raises(ConfigError, match=message):
            quantizer("mse", 4).fit(heavy((4, 8)), channel_axis=axes[0], group_axis=axes[1])


def test_flints_are_chosen_where_they_fit_better() -> None:
    either = quantizer("mse(numbers=int-or-flint)", 4)
    uniform = np.random.default_rng(0).uniform(-1, 1, (1, 500))
    assert either.fit(uniform, channel_axis=None, group_axis=1).number == Int(4)
    assert either.fit(heavy((1, 500)), channel_axis=None, group_axis=1).number == Flint()
    assert quantizer("half", 16).fit(uniform, channel_axis=0, group_axis=1).number == Float(16)


def test_the_base_leaves_the_choice_to_others() -> None:
    with pytest.raises(NotImplementedError):
        Quantizer().fit(heavy((2, 2)), channel_axis=None, group_axis=1)


def test_pairs_are_counted_along_the_axis() -> None:
    values = np.zeros((4, 50))
    values[0, [0, 1]] = 50  # a pair of its row
    values[1, 10] = values[2, 10] = -50  # neighbors in their column alone
    along = pair_shares(values)
    assert (along.one, along.two) == (2 / 100, 1 / 100)
    assert (along.outliers, along.lost) == (4 / 200, 1 / 4)
    across = pair_shares(values, group_axis=0)
    assert (across.one, across.two) == (4 / 100, 0)
    odd = pair_shares(values[:, :7])
    assert odd.one + odd.two + odd.none == pytest.approx(1)
    assert pair_shares(np.ones((2, 2))).lost == 0
    assert along.largest == pytest.approx(float((50 - values.mean()) / values.std()))
