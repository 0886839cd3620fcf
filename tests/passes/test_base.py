from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Graph
from netwright.passes import FoldConstants, StripHead, run_passes
from tests.exchange.graphs import quantized_mlp


@dataclass(frozen=True, slots=True)
class Refuse:
    """Fails always."""

    def __call__(self, graph: Graph) -> Graph:
        raise GraphError("no", node="fc0")


def test_failing_pass_keeps_its_error_and_names_the_ones_before() -> None:
    graph = quantized_mlp(np.random.default_rng(0))
    with pytest.raises(GraphError) as caught:
        run_passes(graph, (FoldConstants(), StripHead(), Refuse()))
    assert str(caught.value) == 'node "fc0": no'
    assert caught.value.__notes__ == ["raised by pass Refuse, after FoldConstants, StripHead"]
    with pytest.raises(GraphError) as caught:
        run_passes(graph, (Refuse(),))
    assert caught.value.__notes__ == ["raised by pass Refuse, after no other pass"]


def test_no_pass_returns_the_same_graph() -> None:
    graph = quantized_mlp(np.random.default_rng(0))
    assert run_passes(graph, ()) is graph
