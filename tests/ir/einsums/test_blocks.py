from __future__ import annotations

import numpy as np
import pytest

from netwright.ir.einsums.lower import extents_made
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload, blocks
from netwright.workload.cascade import execute

RANDOM = np.random.default_rng(5)


def at(tensor: str, text: str) -> Access:
    """Plain ranks, one letter an axis; ``HE3`` stands for ``3 H + E``."""
    index = []
    for axis in text.split():
        if len(axis) == 1:
            index.append(Affine(((axis, 1),)))
        else:
            index.append(Affine(((axis[0], int(axis[2:])), (axis[1], 1))))
    return Access(tensor, tuple(index))


def run(einsums: list[Einsum], inputs: dict[str, np.ndarray], output: str, shape: tuple[int, ...]):
    made = {e.output.tensor: extents_made(e) for e in einsums} | {output: shape}
    tensors = [Tensor(name, array.shape, kind="input") for name, array in inputs.items()]
    tensors += [Tensor(name, extents) for name, extents in made.items()]
    workload = Workload("block", tuple(tensors), tuple(einsums), (output,))
    found = execute(workload, inputs)
    assert not found.warnings
    return workload, found[output]


def ranks(**extents: int) -> list[Rank]:
    return [Rank(name, extent) for name, extent in extents.items()]


def reference_softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_softmax_and_its_logarithm():
    x = 300 * RANDOM.standard_normal((3, 50))
    source, made, both = at("x", "B K"), at("y", "B K"), ranks(B=3, K=50)
    _, y = run(blocks.softmax("s", source, made, both, "K"), {"x": x}, "y", (3, 50))
    assert np.allclose(y, reference_softmax(x), rtol=1e-12, atol=0)
    _, y = run(blocks.log_softmax("s", source, made, both, "K"), {"x": x}, "y", (3, 50))
    expected = x - np.logaddexp.reduce(x, axis=-1, keepdims=True)
    assert np.allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_and_rms_norm(affine):
    x, g, b = (
        RANDOM.standard_normal((4, 33)),
        RANDOM.standard_normal(33),
        RANDOM.standard_normal(33),
    )
    source, made, both = at("x", "B K"), at("y", "B K"), ranks(B=4, K=33)
    given = {"x": x, "g": g, "b": b} if affine else {"x": x}
    scale, bias = (at("g", "K"), at("b", "K")) if affine else (None, None)
    steps = blocks.layer_norm("n", source, made, both, "K", scale=scale, bias=bias, epsilon=1e-3)
    workload, y = run(steps, given, "y", x.shape)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    assert np.allclose(y, normal * g + b if affine else normal, rtol=1e-11, atol=1e-14)
    assert workload.num_macs == 0
    given.pop("b", None)
    steps = blocks.rms_norm("n", source, made, both, "K", scale=scale, epsilon=1e-3)
    _, y = run(steps, given, "y", x.shape)
    normal = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3)
    assert np.allclose(y, normal * g if affine else normal, rtol=1e-12, atol=0)


def test_group_norm_is_a_layer_norm_over_a_part_of_the_channels():
    x = RANDOM.standard_normal((2, 6, 5))
    steps = blocks.layer_norm(
        "n", at("x", "N GC3 L"), at("y", "N GC3 L"), ranks(N=2, G=2, C=3, L=5), "CL"
    )
    _, y = run(steps, {"x": x}, "y", x.shape)
    parts = x.reshape(2, 2, 15)
    normal = (parts - parts.mean(-1, keepdims=True)) / np.sqrt(parts.var(-1, keepdims=True) + 1e-5)
    assert np.allclose(y, normal.reshape(x.shape), rtol=1e-11, atol=1e-14)


def test_attention_with_heads_in_the_features_and_a_causal_mask():
    heads, tokens, width = 2, 7, 3
    q, k, v = (RANDOM.standard_normal((tokens, heads * width)) for _ in range(3))
    mask = np.where(np.tri(tokens, dtype=bool), 0.0, -np.inf)
    steps = blocks.attention(
        "a", at("q", "P HE3"), at("k", "M HE3"), at("v", "M HF3"), at("y", "P HF3"),
        ranks(H=heads, P=tokens, M=tokens, E=width, F=width), mask=at("mask", "P M"), scale=0.5,
    )  # fmt: skip
    workload, y = run(steps, {"q": q, "k": k, "v": v, "mask": mask}, "y", q.shape)
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        expected = reference_softmax(0.5 * q[:, part] @ k[:, part].T + mask) @ v[:, part]
        assert np.allclose(y[:, part], expected, rtol=1e-12, atol=1e-15)
    assert workload.num_macs == 2 * heads * tokens * tokens * width


def test_cross_attention_with_shared_heads():
    q, k, v = (RANDOM.standard_normal(s) for s in ((2, 6, 5, 4), (2, 2, 9, 4), (2, 2, 9, 3)))
    steps = blocks.attention(
        "a", at("q", "B HG3 P E"), at("k", "B H M E"), at("v", "B H M F"), at("y", "B HG3 P F"),
        ranks(B=2, H=2, G=3, P=5, M=9, E=4, F=3),
    )  # fmt: skip
    _, y = run(steps, {"q": q, "k": k, "v": v}, "y", (2, 6, 5, 3))
    wide = [np.repeat(x, 3, axis=1) for x in (k, v)]
    expected = reference_softmax(q @ wide[0].swapaxes(-1, -2)) @ wide[1]
    assert np.allclose(y, expected, rtol=1e-12, atol=0)
