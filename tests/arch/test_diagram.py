from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch.diagram import describe


def test_diagram_names_every_node_once():
    for name in arch.names():
        machine = arch.find(name)
        lines = arch.diagram(machine).splitlines()
        assert lines[0] == machine.title
        assert lines[-1] == "* assumed"
        assert len(lines) == len(machine.nodes) + 2
        for line, node in zip(lines[1:-1], machine.nodes, strict=True):
            assert line.lstrip("└├│─ ").startswith(f"{node.kind} {node.name}: ")


def test_diagram_of_a_tree_has_branches():
    nodes = (
        arch.Memory(kind="memory", name="dram"),
        arch.Memory(kind="memory", name="left", parent="dram", keeps=("input",)),
        arch.Array(kind="array", name="grid", parent="left", fanout=(2, 3), multicasts=False),
        arch.Memory(kind="memory", name="right", parent="dram"),
    )
    machine = arch.Architecture(name="tree", nodes=nodes)
    assert arch.diagram(machine) == (
        "tree\n"
        "memory dram: unlimited\n"
        "├─ memory left: unlimited, keeps input\n"
        "│  └─ array grid: 2 by 3, no multicast\n"
        "└─ memory right: unlimited"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("elements", "12 x R/C/M/G by 14 x P/M/G"),
        ("mac", "200 Mop/s, 1 pJ/op*, 16-bit sums"),
        ("sums", "48 B, 1.6 GB/s*, read 500 fJ/B*"),
    ],
)
def test_node_is_described_in_a_line(name, text):
    node = next(node for node in arch.find("eyeriss").nodes if node.name == name)
    assert describe(node).startswith(text)
