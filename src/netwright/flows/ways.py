"""What takes a file that hardware does not, found by trying."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from netwright.errors import GraphError, NetwrightError
from netwright.flows.quantization import read_float


def with_ways(error: GraphError, path: Path) -> GraphError:
    """A refusal for hardware that says besides what was found to take the file."""
    from netwright.exchange import read_qonnx
    from netwright.passes.post_training import QUANTIZERS

    found = []
    try:
        graph = read_qonnx(path, reals={})
    except NetwrightError:
        return error
    if not any(node.op in QUANTIZERS for node in graph.nodes):
        try:
            read_float(path)
            found.append("--quantize --calibrate ROWS.npz makes integers of this float file")
        except NetwrightError:
            pass
    found.append("--backend cpu takes it as it is")
    found = [way for way in found if way.partition(" --calibrate")[0] not in (error.hint or "")]
    return cast(GraphError, error.hinted("; ".join(found))) if found else error
