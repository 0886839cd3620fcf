import numpy as np
import pytest

from netwright.backends.rtl.proof.grid import grid
from netwright.formats import Rounding
from netwright.ir import check, interpret


@pytest.mark.parametrize("signed", [False, True])
def test_the_grid_holds_every_block(signed: bool) -> None:
    graph = grid(4, signed=signed, shifts=(1, 3, 9))
    check(graph)
    assert graph.is_integer
    kinds = [node.op for node in graph.nodes]
    assert kinds.count("Requantize") == 4 + 2 * 9 * 5  # limits alone, then two shifts that reach
    assert {"Relu", "Sign", "Add"} <= set(kinds)
    modes = {node.text("rounding") for node in graph.nodes if node.op == "Requantize"}
    assert modes == {mode.value for mode in Rounding}
    codes = interpret(graph, np.arange(-9.0, 17.0)[:, None])
    assert len(codes) == len(graph.outputs)
