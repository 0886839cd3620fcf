"""A design that was made from a file, and everything it was compared with."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.errors import NetwrightError
from netwright.flows.certified import Certified, certify_design
from netwright.flows.conversion import read_source, stimuli_for
from netwright.ir import Graph, interpret
from tests.flows.test_conversion import tiny

pytest.importorskip("qonnx")


@dataclass
class Software:
    """A backend whose designs are the graph, with all outputs moved by some steps."""

    moved: int = 0
    capabilities: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ("it is not fast",)
    executed_as: str = "software"
    graph: Graph | None = None
    root: Path = Path()
    files: Mapping[str, str] = field(default_factory=dict)

    def generate(self, graph: Graph, out: Path) -> Software:
        return Software(self.moved, graph=graph, root=out)

    def run(self, inputs: object, *, keep: Collection[str] = ()) -> Mapping[str, np.ndarray]:
        assert self.graph is not None
        found = interpret(self.graph, inputs)
        return {name: codes + self.moved for name, codes in found.items()}


def certified(folder: Path, backend: object, told: list[str]) -> Certified:
    source = read_source(tiny(folder))
    stimuli = stimuli_for(source, random_rows=20)
    return certify_design(
        source, backend, folder, stimuli, name="made", tell=told.append  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("moved", [0, 1])
def test_a_design_is_compared_with_file_and_graph(moved: int, tmp_path: Path) -> None:
    told: list[str] = []
    made = certified(tmp_path, Software(moved), told)
    stages = {row.stage for row in made.certificate.rows}
    assert {"QONNX", "software"} < stages
    assert any(stage.startswith("your file (qonnx") for stage in stages)
    assert {row.stage for row in made.certificate.rows if not row.holds} == (
        {"software"} if moved else set()
    )
    assert made.certificate.holds == (not moved)
    assert json.loads((tmp_path / "certificate.json").read_text())["holds"] == (not moved)
    assert made.hardware is None
    assert told == ["comparing model.onnx with the graph ...", "note: it is not fast"]


def test_what_does_not_fit_is_refused_before_anything_is_compared(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(NetwrightError, match="max_operations"):
        certified(tmp_path, rtl(max_operations=1), told)
    assert told == []
    assert not (tmp_path / "certificate.json").exists()
