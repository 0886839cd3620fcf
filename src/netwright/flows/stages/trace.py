"""Stage ``trace``: the best network as an integer graph, and as QONNX."""

from __future__ import annotations

from netwright.flows.graph import GRAPH
from netwright.flows.sections import ModelSection, TaskSection
from netwright.flows.stages.common import best_seed, load_task, quantized_model
from netwright.run.stage import StageContext
from netwright.settings import Settings

MODEL = "model.onnx"


class TraceParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        name: Name of the graph, an identifier.
    """

    task: TaskSection
    model: ModelSection
    name: str


def trace_best(context: StageContext[TraceParameters]) -> None:
    """Trace the network of the best validation accuracy, and export it."""
    from netwright import ir
    from netwright.exchange import write_qonnx
    from netwright.train import trace

    p, folder = context.parameters, context.inputs["compress"]
    task = load_task(p.task, context.inputs)
    graph = trace(quantized_model(p.model, task, best_seed(folder), folder), name=p.name)
    ir.save(graph, context.folder / GRAPH)
    write_qonnx(graph, context.folder / MODEL)
