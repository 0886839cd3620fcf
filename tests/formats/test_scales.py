import numpy as np
import pytest

from netwright.formats import Int, OutlierPairs
from netwright.formats.scales import Ladder, least_error, peak_scales, sampling_stride


def test_ladders_go_down_from_what_clips_nothing() -> None:
    top = np.array([1.5, 3.0])
    assert [scale.tolist() for scale in Ladder(2).below(top)] == [[2.0, 4.0], [1.0, 2.0]]
    fine = Ladder(1, 2, single=True).below(top)
    assert fine[0].tolist() == [1.5, 3.0]
    assert fine[1].tolist() == np.float32(top * 2**-0.5).astype(np.float64).tolist()


def test_rows_of_nothing_get_scales_near_the_others() -> None:
    assert peak_scales(np.array([0.0, 0.0])).tolist() == [1.0, 1.0]
    assert peak_scales(np.array([0.0, 0.0]), unused=0.25).tolist() == [0.25, 0.25]
    assert peak_scales(np.array([4.0, 0.0])).tolist() == [4.0, 2.0**-14]


@pytest.mark.parametrize("norm", [2.0, 0.5])
def test_the_scale_of_least_error_is_found_row_by_row(norm: float) -> None:
    rows = np.random.default_rng(0).standard_t(3, (4, 50))
    candidates = [np.full(4, scale) for scale in (0.1, 0.3, 0.9)]
    for number in (Int(4), OutlierPairs()):
        found, errors = least_error(rows, number, candidates, norm=norm)
        for row, scale, error in zip(rows, found, errors, strict=True):
            tried = [
                np.sum(np.abs(number.decode(number.encode(row / s[0])) * s[0] - row) ** norm)
                for s in candidates
            ]
            assert error == pytest.approx(min(tried))
            assert scale == candidates[int(np.argmin(tried))][0]


@pytest.mark.parametrize("row", [1, 16, 30, 49, 256, 2 * 3 * 5 * 7 * 11 * 13])
@pytest.mark.parametrize("values", [10, 1000, 100_000, 2_000_000])
def test_a_sample_meets_every_place_of_a_row(row: int, values: int) -> None:
    stride = sampling_stride(values, 1000, row=row)
    assert max(1, values // 1000) <= stride <= 2 * max(1, values // 1000) + 17
    count = len(range(0, values, stride))
    places = {at % row for at in range(0, values, stride)}
    assert len(places) >= min(row, count)
