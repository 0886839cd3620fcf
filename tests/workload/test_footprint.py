from __future__ import annotations

import random

import pytest

from netwright.workload import Builder
from netwright.workload.cascade import find, parse
from netwright.workload.passes import passes
from netwright.workload.unified import unified
from tests.workload.trace import trace


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


@pytest.mark.parametrize(
    ("lines", "elements", "why"),
    [
        ("Y = add(m k: X[2*m + k])", 3 + 1, "a window and the sum"),
        ("Y[m] = add(k: X[2*m + k])", 3 + 1, "a window and one result"),
        ("Y[m] = add(j: X[3*m + j])", 2 + 1, "what lies between windows never comes"),
        ("Y[2*m + k] = add(: Z[m] * W[k])", 1 + 3 + 3, "results of a window are open"),
        ("A[m, k] = X[2*m + k] * W[k]\nB[m] = X[2*m]", 3 + 3 + 3, "A needs a whole window"),
        ("T[m, n] = exp(S[m, n])\nY[m, n] = T[n, m] + T[m, n]", 36 + 6, "all of T, and a row"),
        ("Y[m] = Z[m] + Z[5 - m]", 6 + 1, "all of Z"),
        ("Y[m] = Z[m] + Z[1]", 2 + 1, "the second element stays"),
    ],
)
def test_footprint_of_windows_with_steps_and_of_other_orders_by_hand(lines, elements, why):
    text = "rank m = 6, n = 6, k = 3, j = 2\n" + "".join(
        f"input {name}[{axes}]\n"
        for name, axes in {"X": "17", "W": "k", "Z": "m", "S": "m, n"}.items()
        if f"{name}[" in lines
    )
    assert passes(parse(text + lines), "m").footprint == elements, why


def test_what_is_read_in_another_order_is_kept_whole():
    text = "rank m = 6, n = 6\ninput S[m, n]\nT[m, n] = exp(S[m, n])\n"
    found = passes(parse(text + "Y[m, n] = T[n, m] + T[m, n]"), "m")
    assert found.live.kept == ("T",)


@pytest.mark.parametrize("seed", range(60))
def test_windows_with_steps_equal_a_trace(seed):
    choose = random.Random(seed)
    step, extent = choose.randint(1, 4), choose.randint(2, 6)
    windows = {"k": choose.randint(1, 6), "j": choose.randint(1, 3), "i": 2}
    lines, length = [], 0
    for name, rank in zip("ABC", windows, strict=True):
        start = choose.randint(0, 4)
        read = f"X[{step}*m + {rank} + {start}]"
        makes = (
            f"{name}[m] = add({rank}: ",
            f"{name}[m, {rank}] = tanh(",
            f"{name} = add(m {rank}: ",
        )
        lines.append(f"{choose.choice(makes)}{read})")
        length = max(length, step * (extent - 1) + windows[rank] + start)
    ranks = ", ".join(f"{name} = {size}" for name, size in {"m": extent, **windows}.items())
    text = f"rank {ranks}\ninput X[{length + choose.randint(0, 2)}]\n" + "\n".join(lines)
    workload = parse(text)
    assert passes(workload, "m").footprint == trace(workload, ("m",)).footprint, text
