from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.exchange import read_qonnx, referee, write_qonnx
from netwright.ir import interpret
from netwright.ir.names import Names
from netwright.passes import integerize, realize
from tests.exchange.onnx_files import GRID, executed, model, node, quant, saved
from tests.exchange.qonnx.test_read import assert_same

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

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


def _generated(made: Any, folder: Path) -> list[str]:
    """Names that reading, integers and writing give to what the file does not name."""
    read = read_qonnx(saved(made, folder))
    integers = integerize(read)
    graphs = (read, integers, realize(integers).graph)
    found = {name for g in graphs for name in (*g.types, *(n.name for n in g.nodes))}
    written = onnx.load(str(write_qonnx(integers, folder / "written.onnx")))
    found |= {t.name for t in written.graph.initializer}
    found |= {name for n in written.graph.node for name in (n.name, *n.output)}
    own = {t.name for t in made.graph.initializer}
    own |= {name for n in made.graph.node for name in (n.name, *n.input, *n.output)}
    return sorted(found - own)


@pytest.mark.parametrize("seed", range(12))
def test_a_file_may_have_any_of_the_names_that_are_generated(seed: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(seed)
    nodes = [
        node("Sub", "x c", "a"),
        quant("a s z b", "q"),
        quant("v s z b", "w"),
        node("Gemm", "q w c", "h", transB=1, alpha=0.5),
        node("Relu", "h", "r"),
        quant("r t z b", "g", rounding_mode="HALF_UP", signed=0),
        node("Add", "g q", "u"),
        node("MatMul", "u w"),
    ]
    constants = {**GRID, "t": np.float32(0.3), "v": MATRICES[1], "c": MATRICES[0, 0]}
    plain = model(nodes, constants)
    expected = interpret(integerize(read_qonnx(saved(plain, tmp_path))), ROWS)["y"]
    pool = _generated(plain, tmp_path)
    tensors = [t.name for t in plain.graph.initializer] + [n.output[0] for n in plain.graph.node]
    new = dict(zip(generator.permutation(tensors), generator.permutation(pool), strict=False))
    named = generator.permutation(pool)
    changed = model(nodes, constants)
    for place, made in enumerate(changed.graph.node):
        made.name = str(named[place])
        for field in (made.input, made.output):
            for index, name in enumerate(field):
                field[index] = str(new.get(name, name))
    for tensor in (*changed.graph.initializer, *changed.graph.output):
        tensor.name = str(new.get(tensor.name, tensor.name))
    graph = integerize(read_qonnx(saved(changed, tmp_path)))
    assert graph.outputs == (str(new.get("y", "y")),)
    np.testing.assert_array_equal(interpret(graph, ROWS)[graph.outputs[0]], expected)
    np.testing.assert_array_equal(referee(graph).run(ROWS)[graph.outputs[0]], expected)
