from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.exchange import read_qonnx
from netwright.exchange.names import Names
from tests.exchange.onnx_files import GRID, executed, model, node, quant, saved
from tests.exchange.test_read import assert_same

pytest.importorskip("onnx")

ROWS = np.random.default_rng(0).integers(-9, 9, size=(40, 3)) / 4
MATRICES = np.random.default_rng(1).integers(-4, 5, size=(2, 3, 3)).astype(np.float32) / 4


def test_names_are_never_given_twice() -> None:
    names = Names(["a", "a_2"])
    assert [names.fresh("a"), names.fresh("a"), names.fresh("b")] == ["a_3", "a_4", "b"]


@pytest.mark.parametrize("name", ["w_transposed", "w.values", "y_node_product", "y_node.alpha"])
def test_generated_names_do_not_meet_names_of_the_file(name: str, tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("other s z b", name),
        node("MatMul", f"q {name}", "h"),
        quant("h s z b", "hq"),
        quant("v s z b", "w"),
        node("Gemm", "hq w c", transB=1, alpha=0.5),
    ]
    constants = {**GRID, "other": MATRICES[0], "v": MATRICES[1], "c": MATRICES[0, 0]}
    made = model(nodes, constants)
    assert_same(made, tmp_path, ROWS)
    assert len({n.output for n in read_qonnx(saved(made, tmp_path)).nodes}) > 0
    assert executed(made, ROWS).std() > 0
