from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import GraphError, NumericsError
from netwright.workload import Builder
from netwright.workload.cascade import execute, find, parse

ATTENTION = ("attention_3pass", "attention_2pass", "attention_local_max", "attention_1pass")


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Attention in double precision, (features, queries), as in a textbook."""
    scores = k.T @ q
    powers = np.exp(scores - scores.max(0))
    return v @ (powers / powers.sum(0))


def attend(name: str, extents: dict[str, int], *, spread: float = 1.0, seed: int = 3):
    """Run an attention; `extents` are e, f, p, m1, m0."""
    random = np.random.default_rng(seed)
    e, f, p, m1, m0 = (extents[rank] for rank in ("e", "f", "p", "m1", "m0"))
    q, k = spread * random.standard_normal((e, p)), random.standard_normal((e, m1 * m0))
    v = random.standard_normal((f, m1 * m0))
    given, inputs = dict(extents), {"Q": q, "K": k, "V": v}
    if name in ("attention_3pass", "attention_2pass"):
        given = {"e": e, "f": f, "p": p, "m": m1 * m0}
    else:
        inputs = {"Q": q, "K": k.reshape(e, m1, m0), "V": v.reshape(f, m1, m0)}
    return execute(find(name, extents=given), inputs), reference(q, k, v), v


@pytest.mark.parametrize("name", ATTENTION)
@settings(max_examples=12, deadline=None)
@given(
    st.tuples(*(st.integers(1, 9) for _ in range(5))),
    st.sampled_from([1.0, 1e2, 1e4, 1e150]),
    st.integers(0, 99),
)
def test_attention_equals_the_reference(name, extents, spread, seed):
    sizes = dict(zip(("e", "f", "p", "m1", "m0"), extents, strict=True))
    found, expected, values = attend(name, sizes, spread=spread, seed=seed)
    assert not found.warnings
    assert np.abs(found["AV"] - expected).max() <= 1e-12 * np.abs(values).max()


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("length", [1, 257, 4096])
def test_attention_of_all_lengths(name, length):
    blocks = {1: (1, 1), 257: (257, 1), 4096: (16, 256)}[length]
    sizes = {"e": 16, "f": 8, "p": 64, "m1": blocks[0], "m0": blocks[1]}
    found, expected, values = attend(name, sizes)
    assert np.abs(found["AV"] - expected).max() <= 1e-12 * np.abs(values).max()


def test_overflow_is_shown():
    text = "rank m = 4\ninput X[m]\nS = add(m: exp(X[m]))\nY[m] = X[m] / S\nZ = add(m: X[m] * X[m])"
    found = execute(parse(text), {"X": np.array([1.0, 800.0, 0.0, 0.0])})
    assert found.warnings == ('Einsum "S" overflows',)
    assert np.isinf(found["S"]).all()
    assert execute(parse(text), {"X": np.zeros(4)}).warnings == ()
    found = execute(parse(text), {"X": np.full(4, -2000.0)})
    assert found.warnings == ('Einsum "Y" divides by zero',)
    found = execute(parse(text), {"X": np.array([np.inf, np.inf, 0, 0])})
    assert found.warnings == ('Einsum "Y" makes values that are no numbers',)
    huge = execute(parse(text), {"X": np.full(4, -1e200)})
    assert 'Einsum "Z" overflows' in huge.warnings


def test_narrow_numbers_overflow_earlier():
    text = "rank m = 2\ninput X[m]\nY[m] = exp(X[m])"
    inputs = {"X": np.array([1.0, 12.0])}
    assert execute(parse(text), inputs).warnings == ()
    narrow = execute(parse(text), inputs, dtype=np.float16)
    assert narrow["Y"].dtype == np.float16
    assert narrow.warnings == ('Einsum "Y" overflows',)


def test_iterative_ranks_run_in_order():
    text = (
        "rank i = 5\ninput X[i]\ninitial F = 1\ninitial G = 0\n"
        "S[i] = F[i] + G[i]\nG[i + 1] = F[i] * X[i]\nF[i + 1] = S[i] * X[i]\nY = F[last] + 0\n"
    )
    found = execute(parse(text), {"X": np.array([1.0, 1, 1, 2, 1])})
    f, g = 1.0, 0.0
    for x in (1, 1, 1, 2, 1):
        f, g = (f + g) * x, f * x
    assert found["Y"].item() == f
    assert found["G"].tolist()[-1] == g


def test_windows_and_large_spaces_are_computed_in_parts():
    text = "rank p = 3000, r = 3, n = 700\ninput X[3002], W[n]\nY[p] = max(r n: X[p + r] - W[n])"
    random = np.random.default_rng(0)
    x, w = random.standard_normal(3002), random.standard_normal(700)
    found = execute(parse(text), {"X": x, "W": w})["Y"]
    assert np.array_equal(found, np.lib.stride_tricks.sliding_window_view(x, 3).max(1) - w.min())


def test_what_has_no_values_is_refused():
    b = Builder("net")
    with pytest.raises(GraphError, match='"interpolate" has no values'):
        execute(b.finish(b.resize(b.input((1, 4, 8, 8)), (16, 16))), {})
    b = Builder("net")
    x = b.input((1, 4, 6, 6))
    with pytest.raises(GraphError, match='reaches from -1 to 6 of an axis of "input0"'):
        execute(b.finish(b.conv(x, 4, 3)), {})
    workload = parse("rank m = 4\ninput X[m], Z[m]\nY[m] = X[m] + Z[m]")
    with pytest.raises(NumericsError, match=r'"X" must have shape \(4,\), not \(3,\); "Z" is mis'):
        execute(workload, {"X": np.zeros(3)})
    huge = parse("rank m = 4000000000\ninput X[m]\nY = add(m: X[m])")
    with pytest.raises(NumericsError):
        execute(huge, {"X": np.broadcast_to(np.float64(0), (4_000_000_000,))})


HEAD = "rank m = 5, k = 4\ninput X[m, k], W[k]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("initial R = 1\nR[m + 1] = add(k: R[m] * X[m, k])\nY = R[last]",
         lambda x, w: x.sum(1).prod()),
        ("Y[m + k] = add(: X[m, k])",
         lambda x, w: [x[::-1].trace(offset) for offset in range(-4, 4)]),
        ("T[m] = -X[m, 1]\nY[m] = square(-T[m])", lambda x, w: x[:, 1] ** 2),
        ("Y[m] = add(k: X[m, k] * W[k])", lambda x, w: x @ w),
    ],
)  # fmt: skip
def test_values_equal_those_by_hand(text, expected):
    random = np.random.default_rng(5)
    x, w = random.standard_normal((5, 4)), random.standard_normal(4)
    found = execute(parse(HEAD + text), {"X": x, "W": w})
    np.testing.assert_allclose(found["Y"].squeeze(), np.squeeze(expected(x, w)), rtol=1e-12)
