import numpy as np
import pytest

from netwright.backends.rtl.shared.chain import Chain
from netwright.formats import Rounding
from netwright.ir import Graph, interpret
from netwright.ir.rounding import round_shift
from tests.backends.hls.graphs import Build

CODES = np.arange(-128, 128)


def applied(chain: Chain, codes: np.ndarray) -> np.ndarray:
    """What a chain makes of sums."""
    values = codes.astype(object) * chain.multiplier[0] + chain.offset[0]
    values = round_shift(values, chain.shift, chain.rounding)
    low = -(1 << 60) if chain.low is None else chain.low
    high = 1 << 60 if chain.high is None else chain.high
    return np.clip(values, low, high) - chain.zero_point


def followed(graph: Graph) -> Chain | None:
    """All nodes of a graph behind its quantizer as one chain."""
    chain: Chain | None = Chain.nothing()
    reach = (-128, 127)
    for node in graph.nodes[1:]:
        assert chain is not None
        chain = chain.followed_by(node, graph, np.arange(1), reach)
        if chain is None:
            return None
        values = applied(chain, CODES)
        reach = int(values.min()), int(values.max())
    return chain


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("kind", ["requantize", "relu-first", "relu-last", "limit", "clamped"])
def test_a_chain_is_what_its_nodes_are(kind: str, rounding: Rounding) -> None:
    build = Build()
    value = build.quantize((1,), scale=1.0)
    if kind == "relu-first":
        value = build.add("Relu", (value,))
    if kind == "clamped":
        value = build.requantize(value, bits=9, signed=True, low=-60, high=50, shift=0)
    value = build.requantize(
        value, bits=9, signed=True, low=-70, high=90, multiplier=(5,), offset=(-3,), shift=3,
        rounding=str(rounding), zero_point=2,
    )  # fmt: skip
    if kind == "relu-last":
        value = build.add("Relu", (value,))
    if kind == "limit":
        value = build.add("Limit", (value,), {"low": (-9,), "high": (33,), "overflow": "saturate"})
    graph = build.graph(value)
    chain = followed(graph)
    assert chain is not None
    expected = interpret(graph, CODES.reshape(-1, 1).astype(float))[value]
    assert applied(chain, CODES).tolist() == expected.reshape(-1).tolist()


def test_what_is_no_one_step() -> None:
    build = Build()
    twice = build.requantize(build.quantize((1,)), bits=8, signed=True, shift=1)
    assert followed(build.graph(build.requantize(twice, bits=4, signed=True, shift=1))) is None
    build = Build()
    relu = build.add("Relu", (build.quantize((1,)),))
    falls = build.requantize(relu, bits=8, signed=True, shift=1, multiplier=(-1,))
    assert followed(build.graph(falls)) is None
