"""Stage ``verify``: is every stage equal to the graph, integer for integer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright import ir
from netwright.flows.certificate import certificate_row, write_certificate
from netwright.flows.graph import GRAPH
from netwright.flows.sections import (
    HlsSection,
    ModelSection,
    RtlSection,
    TaskSection,
    VerifySection,
)
from netwright.flows.stages.common import best_seed, load_task, quantized_model
from netwright.flows.stages.generate import HLS, RTL, hls_backend, own_copy, rtl_backend
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.tasks import Task
    from netwright.verify import Stimulus

TORCH, QONNX = "torch", "QONNX"
EMULATION, SIMULATION = "HLS emulation", "RTL simulation"


class VerifyParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        hls: Options of the C++, if any was generated.
        rtl: Options of the Verilog, if any was generated.
        verify: On what the stages are compared.
        seed: Seed of the random rows.
    """

    task: TaskSection
    model: ModelSection
    hls: HlsSection | None
    rtl: RtlSection | None
    verify: VerifySection
    seed: int


def verify(context: StageContext[VerifyParameters]) -> None:
    """Compare torch, QONNX and the emulated hardware with the graph; write the certificate.

    A difference is written down, not raised: the report shall show it.
    """
    from netwright.exchange import referee
    from netwright.train import TorchExecutor
    from netwright.verify import certify

    p, inputs = context.parameters, context.inputs
    task = load_task(p.task, inputs)
    graph = ir.load(inputs["trace"] / GRAPH)
    folder = inputs["compress"]
    model = quantized_model(p.model, task, best_seed(folder), folder)
    candidates: dict[str, ir.Executable] = {
        TORCH: TorchExecutor(model, graph),
        QONNX: referee(graph),
    }
    # Both build inside the project, and a finished stage is never written to.
    if p.hls is not None:
        candidates[EMULATION] = hls_backend(p.hls).generate(graph, own_copy(context, HLS))
    if p.rtl is not None:
        candidates[SIMULATION] = rtl_backend(p.rtl).generate(graph, own_copy(context, RTL))
    sets = stimuli(task, graph, p.verify, p.seed)
    context.progress(0, len(candidates) * len(sets), "")
    limits = {QONNX: p.verify.qonnx_rows}
    found = certify(graph, candidates, sets, row_limits=limits, progress=context.progress)
    write_certificate(tuple(map(certificate_row, found)), context.folder)


def stimuli(task: Task, graph: ir.Graph, section: VerifySection, seed: int) -> tuple[Stimulus, ...]:
    """The rows on which a flow compares: the test split, corners, ties and random ones."""
    from netwright.verify import Stimulus, corners, random, ties

    return (
        Stimulus("test set", task.test.inputs.astype("float64")),
        corners(graph),
        ties(graph, rows=section.tie_rows, seed=seed),
        random(graph, rows=section.random_rows, seed=seed),
    )
