"""Where a run keeps its integer graph."""

from __future__ import annotations

from pathlib import Path

from netwright.errors import RunError
from netwright.run.manifest import read_manifest

GRAPH = "graph.npz"
STAGE = "trace"


def graph_path(folder: Path) -> Path:
    """The graph file of the run in `folder`.

    Raises:
        RunError: The run has no graph (yet).
        StaleRun: The run was written by another version.
    """
    entry = read_manifest(folder).stage(STAGE)
    if entry is None or entry.record is None or GRAPH not in entry.record.outputs:
        raise RunError(
            f'{folder}: has no graph; its stage "{STAGE}" is not done',
            hint="finish the run first: netwright run FLOW",
        )
    return folder / entry.folder / GRAPH
