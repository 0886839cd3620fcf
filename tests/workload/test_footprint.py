from __future__ import annotations

import pytest

from netwright.workload import Builder
from netwright.workload.cascade import find, parse
from netwright.workload.passes import passes
from netwright.workload.unified import unified


def test_footprint_of_a_softmax_by_hand():
    """A slice of X, one of SN, GM and the sum that SD collects: four times p."""
    found = passes(find("softmax", extents={"m": 1000, "p": 16}), "m")
    assert (found.footprint, found.live.peak, found.live.kept) == (64, "SN", ())


def test_footprint_of_one_pass_by_hand():
    """Q, a block of V, of QK and of SLN, two running maxima, RD, RNV, and LM gone already."""
    e, f, p, m0 = 3, 2, 7, 11
    found = passes(find("attention_1pass", extents={"e": e, "f": f, "p": p, "m0": m0}), "m")
    assert found.live.peak == "SLN"
    # K and V come and go inside the block: K before SLN, V after it.
    assert found.footprint == e * p + 2 * m0 * p + 2 * p + p + f * p


@pytest.mark.parametrize("length", [1 << 10, 1 << 14, 1 << 18, 1 << 20])
def test_footprint_of_one_pass_is_the_same_for_all_lengths(length):
    found = passes(find("attention_1pass", extents={"m1": length // 256}), "m")
    assert (found.footprint, found.live.kept) == (164_608, ())


def test_local_maxima_are_kept():
    sizes = []
    for blocks in (4, 8):
        found = passes(find("attention_local_max", extents={"m1": blocks}), "m")
        assert found.live.kept == ("LM", "SLD", "PLM", "C")
        sizes.append(found.footprint)
    assert sizes[0] < sizes[1]


def test_windows_keep_their_slices():
    text = "rank m = 20, r = 3\ninput X[22], W[r]\nY[m] = add(r: X[m + r] * W[r])"
    assert passes(parse(text), "m").footprint == 3 + 3 + 1


def test_convolutions_in_a_row_lag_behind_by_hand():
    """Three of the input, three of the first result, two kernels, one of the second result."""
    b = Builder("row")
    x = b.input((1, 1, 50))
    y = b.add(b.conv(b.conv(x, 1, 3), 1, 3), x)
    found = passes(unified(b.finish(y)), "conv0.P0")
    assert (found.count, [step.skew for step in found.steps]) == (1, [0, 1, 1])
    assert (found.live.elements, found.live.kept) == (3 + 3 + 3 + 3 + 1, ())
