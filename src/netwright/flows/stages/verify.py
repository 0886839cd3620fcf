"""Stage ``verify``: is every stage equal to the graph, integer for integer?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netwright import ir
from netwright.errors import ConfigError
from netwright.flows.certificate import certificate_row, write_certificate
from netwright.flows.graph import GRAPH
from netwright.flows.reloading import compare_loaded
from netwright.flows.sections import AnyHls, AnyModel, AnyRtl, AnyTask, VerifySection
from netwright.flows.stages.common import load_task, quantized_model
from netwright.flows.stages.generate import HLS, RTL, own_copy
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.verify import Stimulus

TORCH, QONNX = "torch", "QONNX"


class VerifyParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        module: Path of the part that becomes hardware.
        hls: Options of the C++, if any was generated.
        rtl: Options of the Verilog, if any was generated.
        verify: On what the stages are compared.
        seed: Seed of the random rows.
    """

    task: AnyTask
    model: AnyModel
    module: str | None
    hls: AnyHls | None
    rtl: AnyRtl | None
    verify: VerifySection
    seed: int


def verify(context: StageContext[VerifyParameters]) -> None:
    """Compare torch, QONNX and the emulated hardware with the graph; write the certificate.

    A difference is written down, not raised: the report shall show it.
    """
    from netwright.backends import open_design
    from netwright.compress import quantized_part, read_by_part
    from netwright.exchange import referee
    from netwright.train import TorchExecutor
    from netwright.verify import certify

    p, inputs = context.parameters, context.inputs
    task = load_task(p.task, inputs)
    graph = ir.load(inputs["trace"] / GRAPH)
    model = quantized_model(p.model, p.module, task, inputs)
    candidates: dict[str, ir.Executable] = {
        TORCH: TorchExecutor(quantized_part(model), graph),
        QONNX: referee(graph),
    }
    # Both build inside the project, and a finished stage is never written to.
    projects = [project for project, made in ((HLS, p.hls), (RTL, p.rtl)) if made is not None]
    designs = [open_design(own_copy(context, project)) for project in projects]
    candidates |= {design.executed_as: design for design in designs}
    sets = stimuli(read_by_part(model, task.test.arrays), graph, p.verify, p.seed)
    context.progress(0, len(candidates) * len(sets), "")
    limits = {QONNX: p.verify.qonnx_rows}
    found = certify(graph, candidates, sets, row_limits=limits, progress=context.progress)
    loaded = [row for design in designs for row in compare_loaded(design)]
    write_certificate((*map(certificate_row, found), *loaded), context.folder)


def stimuli(
    rows: Sequence[NDArray[Any]], graph: ir.Graph, section: VerifySection, seed: int
) -> tuple[Stimulus, ...]:
    """The rows on which a flow compares: the test split, corners, ties and random ones."""
    from netwright.verify import Stimulus, corners, random, ties

    return (
        Stimulus("test set", as_inputs(rows, graph)),
        corners(graph),
        ties(graph, rows=section.tie_rows, seed=seed),
        random(graph, rows=section.random_rows, seed=seed),
    )


def as_inputs(
    arrays: Sequence[NDArray[Any]], graph: ir.Graph
) -> NDArray[np.float64] | dict[str, NDArray[np.float64]]:
    """Arrays in the order of a graph's inputs, as the interpreter takes them.

    Raises:
        ConfigError: The graph has another number of inputs.
    """
    if len(arrays) != len(graph.inputs):
        raise ConfigError(
            f'graph "{graph.name}" reads {", ".join(graph.inputs)}; the data have {len(arrays)} '
            "inputs"
        )
    named = {
        name: np.asarray(array, dtype=np.float64).reshape(-1, *graph.types[name].shape[1:])
        for name, array in zip(graph.inputs, arrays, strict=True)
    }
    return named if len(named) > 1 else named[graph.inputs[0]]
