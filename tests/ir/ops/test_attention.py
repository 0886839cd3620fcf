from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import SPECS, Node
from netwright.ir.einsums.lower import Operand
from netwright.testing import OperatorCase, OperatorSuite

torch = pytest.importorskip("torch")
SPEC = SPECS["Attention"]
RANDOM = np.random.default_rng(0)
KEEP = (RANDOM.random((5, 6)) < 0.7).astype(np.float64)
ADDED = RANDOM.normal(size=(1, 4, 5, 6))


def attrs(**given):
    return {"scale": (0.5,), "causal": 0, "mask": "add", **given}


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(SPEC, ((2, 3, 4), (2, 3, 4), (2, 3, 4)), (), attrs(), low=-2, high=2),
        OperatorCase(SPEC, ((4, 5, 8), (2, 6, 8), (2, 6, 3)), (ADDED,), attrs(), low=-2, high=2),
        OperatorCase(
            SPEC, ((4, 5, 8), (1, 6, 8), (1, 6, 3)), (KEEP,), attrs(causal=1, mask="keep"),
            low=-2, high=2,
        ),
    )  # fmt: skip


def parts(heads=4, own=2, queries=5, keys=6):
    shapes = ((3, heads, queries, 8), (3, own, keys, 8), (3, own, keys, 7))
    return [RANDOM.normal(size=shape) for shape in shapes]


def run(values, **given):
    node = Node("n", "Attention", ("q", "k", "v", "m")[: len(values)], "y", attrs(**given))
    assert SPEC.shape(node, [(1, *v.shape[1:]) if v.ndim == 4 else v.shape for v in values])
    return node, SPEC.execute(node, values)


def of_torch(values, mask=None, **given):
    tensors = [torch.from_numpy(value) for value in values]
    made = torch.nn.functional.scaled_dot_product_attention(
        *tensors, attn_mask=mask, scale=0.5, enable_gqa=True, **given
    )
    return made.numpy()


def test_heads_that_share_keys_are_those_of_torch() -> None:
    values = parts()
    np.testing.assert_allclose(run(values)[1], of_torch(values), atol=1e-12)


def test_a_mask_is_added_to_the_scores() -> None:
    values = parts()
    wanted = of_torch(values, torch.from_numpy(ADDED))
    np.testing.assert_allclose(run([*values, ADDED])[1], wanted, atol=1e-12)


def test_masked_keys_are_left_out() -> None:
    values = parts()
    keep = KEEP.copy()
    keep[:, 0] = 1
    wanted = of_torch(values, torch.from_numpy(keep != 0))
    np.testing.assert_allclose(run([*values, keep], mask="keep")[1], wanted, atol=1e-12)


def test_a_causal_query_sees_itself_and_what_is_before_it() -> None:
    values = parts(queries=6)
    np.testing.assert_allclose(
        run(values, causal=1)[1], of_torch(values, is_causal=True), atol=1e-12
    )


def test_with_a_cache_the_last_query_sees_every_key() -> None:
    queries, keys, values = parts(queries=6)
    whole = run([queries, keys, values], causal=1)[1]
    last = run([queries[:, :, 4:], keys, values], causal=1)[1]
    np.testing.assert_allclose(last, whole[:, :, 4:], atol=1e-12)


def test_a_query_that_sees_no_key_gets_zero() -> None:
    values, keep = parts(), np.zeros((5, 6))
    keep[1:] = 1
    made = run([*values, keep], mask="keep")[1]
    assert not made[:, :, 0].any()
    assert np.isfinite(made).all()


def test_a_mask_of_each_row_belongs_to_it() -> None:
    values = parts()
    keep = np.ones((3, 1, 1, 6))
    keep[1, ..., 2:] = 0
    made = run([*values, keep], mask="keep")[1]
    alone = run([*(v[1:2] for v in values), keep[1:2]], mask="keep")[1]
    np.testing.assert_array_equal(made[1:2], alone)
    np.testing.assert_allclose(made[0], run([v[:1] for v in values])[1][0], atol=1e-12)


def test_float32_is_within_the_tolerance_and_a_wrong_scale_is_not() -> None:
    values = [3 * value for value in parts(queries=6)]
    node, wanted = run(values, causal=1)
    allowed = SPEC.tolerance.allowed(node, values, wanted)
    single = SPEC.execute(node, [value.astype(np.float32) for value in values])
    assert single.dtype == np.float32
    assert (np.abs(single - wanted) <= allowed).all()
    other = run(values, causal=1, scale=(0.5001,))[1]
    assert not (np.abs(other - wanted) <= allowed).all()


def test_grouped_heads_are_a_rank_of_their_own() -> None:
    node = Node("n", "Attention", ("q", "k", "v"), "y", attrs())
    shapes = [(1, 4, 5, 8), (1, 2, 6, 8), (1, 2, 6, 7)]
    sources = [Operand(name, shape) for name, shape in zip("qkv", shapes, strict=True)]
    made = SPEC.einsums(node, sources, Operand("y", (1, 4, 5, 7)))
    assert sum(einsum.num_macs for einsum in made) == SPEC.macs(node, shapes) == 4 * 5 * 6 * 15
    assert {rank.name: rank.extent for rank in made[0].ranks}["G"] == 2


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 5, 8)] * 3, r"must be \(batch, heads, tokens, features\)"),
        ([(1, 4, 5, 8), (1, 3, 6, 8), (1, 3, 6, 8)], "a divisor of 4"),
        ([(1, 4, 5, 8), (1, 4, 6, 8), (1, 4, 5, 8)], "values must be"),
        ([(1, 4, 5, 8)] * 3 + [(4, 4)], r"broadcast to \(1, 4, 5, 5\)"),
    ],
)
def test_what_does_not_fit_is_said(shapes, message) -> None:
    node = Node("n", "Attention", ("x",) * len(shapes), "y", attrs())
    with pytest.raises(GraphError, match=message):
        SPEC.shape(node, shapes)


def test_a_scale_that_is_no_factor_is_refused() -> None:
    node = Node("n", "Attention", ("x",) * 3, "y", attrs(scale=(0.0,)))
    with pytest.raises(GraphError, match="scale must be above 0"):
        SPEC.shape(node, [(1, 4, 5, 8)] * 3)
