"""Names that are code, as names of nodes, tensors and graphs: the Verilog stays what it was."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl.cells.harmless import check_harmless
from netwright.backends.rtl.cells.verilog import sources
from netwright.backends.rtl.unrolled.layers import lower
from netwright.ir import Graph, interpret
from tests.backends.rtl.graphs import needs_verilator, two_layers
from tests.codes import CANARY, NAMES

COMMENT = re.compile(r"//[^\n]*")


def renamed(graph: Graph, names: list[str]) -> Graph:
    """The graph with other names of its nodes and of the tensors between them."""
    nodes = list(graph.nodes)
    tensors = {node.output: f"{name}.out" for node, name in zip(nodes, names, strict=False)}
    made = tuple(
        replace(
            node,
            name=name,
            output=tensors[node.output],
            inputs=tuple(tensors.get(source, source) for source in node.inputs),
        )
        for node, name in zip(nodes, names, strict=False)
    )
    return replace(
        graph,
        name=names[0],
        nodes=made,
        outputs=tuple(tensors[name] for name in graph.outputs),
        types={tensors.get(name, name): kind for name, kind in graph.types.items()},
    )


def groups(size: int) -> list[list[str]]:
    padded = [*NAMES, *(f"filler {number}" for number in range(size))]
    return [padded[start : start + size] for start in range(0, len(NAMES), size)]


def shape_of(text: str) -> str:
    """Verilog without comments, every word that is no keyword replaced."""
    return re.sub(r"\b(?!(?:module|endmodule|wire|input|output|assign)\b)[A-Za-z_]\w*", "n",
                  COMMENT.sub("", text))  # fmt: skip


def test_names_leave_no_comment() -> None:
    graph = two_layers()
    size = len(graph.nodes)
    plain = sources(lower(graph, 2)).items()
    wanted = sorted(shape_of(text) for name, text in plain if not name.startswith("library/"))
    for names in groups(size):
        made = sources(lower(renamed(graph, names), 2))
        assert all(re.fullmatch(r"(library/)?[A-Za-z]\w*\.v", name) for name in made)
        made = {name: text for name, text in made.items() if not name.startswith("library/")}
        for name, text in made.items():
            check_harmless(Path(name), text)
            assert text.isascii()
        assert sorted(shape_of(text) for text in made.values()) == wanted


@needs_verilator
@pytest.mark.tool("g++")
@pytest.mark.parametrize("first", [0, 100, 300])
def test_names_that_are_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = two_layers()
    names = list(NAMES[first : first + len(graph.nodes)])
    made = renamed(graph, names)
    folder = tmp_path / 'a "$(touch INJECTED)";`touch INJECTED`\\'
    design = rtl().generate(made, folder / "design")
    rows = np.random.default_rng(0).normal(size=(20, 6))
    found, expected = design.run(rows), interpret(made, rows)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert list(tmp_path.rglob(CANARY)) == []
