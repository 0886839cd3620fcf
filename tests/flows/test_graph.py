from pathlib import Path

import pytest

from netwright.errors import RunError
from netwright.flows.graph import graph_path
from netwright.run import execute
from tests.run.toy import toy


def test_graph_of_a_run(tiny_run: Path) -> None:
    assert graph_path(tiny_run) == tiny_run / "stages/06-trace/graph.npz"


def test_run_without_a_graph_is_refused(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    with pytest.raises(RunError) as caught:
        graph_path(tmp_path)
    assert str(caught.value) == (
        f'{tmp_path}: has no graph; its stage "trace" is not done\n'
        "hint: finish the run first: netwright run FLOW"
    )
