"""Stage ``trace``: the best network as an integer graph, and as QONNX."""

from __future__ import annotations

from netwright.flows.graph import GRAPH
from netwright.flows.sections import AnyModel, AnyTask
from netwright.flows.stages.common import load_task, quantized_model
from netwright.run.stage import StageContext
from netwright.settings import Settings

MODEL = "model.onnx"


class TraceParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        module: Path of the part that becomes hardware.
        name: Name of the graph, an identifier.
    """

    task: AnyTask
    model: AnyModel
    module: str | None
    name: str


def trace_best(context: StageContext[TraceParameters]) -> None:
    """Trace the network of the best validation accuracy, and export it."""
    from netwright import ir
    from netwright.compress import quantized_part
    from netwright.exchange import write_qonnx
    from netwright.train import trace

    p = context.parameters
    task = load_task(p.task, context.inputs)
    model = quantized_model(p.model, p.module, task, context.inputs)
    graph = trace(quantized_part(model), name=p.name)
    ir.save(graph, context.folder / GRAPH)
    write_qonnx(graph, context.folder / MODEL)
