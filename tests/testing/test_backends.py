"""Our own backends, and one that does nearly everything wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tests.backends.rtl.graphs import needs_verilator

from netwright.backends import hls, rtl
from netwright.ir import Array, Graph, interpret
from netwright.testing import BackendSuite
from netwright.testing.backends import branches, sum_of_products


@pytest.mark.tool("g++")
@needs_verilator
class TestRtl(BackendSuite):
    backends = (rtl(), rtl(reuse_factor=1, part="xcup"), rtl(reuse_factor=1, weights="loadable"))


@pytest.mark.tool("g++")
class TestHls(BackendSuite):
    backends = (hls(),)

    def test_designs_compute_the_integers_of_the_graph(self, tmp_path: Path) -> None:
        TestStreams().test_designs_compute_the_integers_of_the_graph(tmp_path)


class TestStreams(BackendSuite):
    __test__ = False
    backends = (hls(io_type="io_stream"),)
    graphs = (branches(),)


@dataclass(frozen=True)
class WrongDesign:
    root: Path
    graph: Graph
    files: Mapping[str, str]
    capabilities: frozenset[str] = frozenset({"route"})
    executed_as: str = "guesses"
    notes: tuple[str, ...] = ()

    def run(self, inputs: object, *, keep: Collection[str] = ()) -> Mapping[str, Array]:
        return {k: v + 1 for k, v in interpret(self.graph, inputs).items()}  # type: ignore[arg-type]


class WrongBackend:
    def generate(self, graph: Graph, out: str | Path) -> WrongDesign:
        Path(out).mkdir(exist_ok=True)
        (Path(out) / "netwright.json").write_text('{"graph": {}}')
        (Path(out) / "random").write_bytes(np.random.default_rng().bytes(8))
        return WrongDesign(Path(out), graph, {"random": "digest"})

    def open(self, folder: str | Path) -> WrongDesign:
        return WrongDesign(Path(folder), sum_of_products(), {})


class Wrong(BackendSuite):
    backends: ClassVar = (WrongBackend(),)


@pytest.mark.parametrize("name", [name for name in dir(BackendSuite) if name.startswith("test_")])
def test_a_wrong_backend_fails(name: str, tmp_path: Path) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)):
        getattr(Wrong(), name)(tmp_path)


def test_no_backends_are_no_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="name the backends to test"):
        BackendSuite().test_it_can_do_what_it_says(tmp_path)
