"""Pipeline depth against frequency on ECP5: one small jet tagger, placed and routed at every depth.

Every design gives identical integers on test jets before it is routed. All figures come from the
timing model of the device, after place and route, with a register on every port bit.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from netwright import compress, models, tasks, train
from netwright.backends.rtl import rtl
from netwright.backends.rtl.implement.placement import Routing
from netwright.backends.rtl.implement.synthesis import Measurement
from netwright.ir import Graph, Interpreter
from netwright.verify import bit_exact

HIDDEN = (16, 8)
WEIGHT_BITS, ACTIVATION_BITS = 3, 4
EPOCHS = 3
DEPTHS: tuple[int | None, ...] = (1, 2, 3, 4, None)
CLOCK_MHZ = 250.0
SPEED_GRADE = 6
ROWS = 2000
COLUMNS = (
    *("adders per stage", "clocks", "LUT4", "CCU2C", "FF", "COMB placed"),
    *("MHz", "latency ns", "critical ns", "logic", "wires", "routing s"),
)


def trained() -> tuple[Graph, tasks.Task]:
    """A small jet tagger, trained briefly."""
    task = tasks.jets(seed=7)
    model = models.mlp(task, hidden=HIDDEN, seed=7)
    train.fit(model, task, recipe=train.Recipe(epochs=EPOCHS))
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=WEIGHT_BITS, activation_bits=ACTIVATION_BITS)
    recipe = train.Recipe(epochs=EPOCHS, learning_rate=1e-3)
    tuned = compress.finetune(model, plan, task, recipe=recipe)
    return train.trace(tuned, name="small_jets"), task


def row(depth: int | None, cycles: int, measured: Measurement, routing: Routing) -> list[str]:
    """One line of the table."""
    path = routing.critical_path
    total = path.logic.value + path.routing.value
    return [
        "all" if depth is None else str(depth),
        str(cycles),
        *(f"{count.value:.0f}" for count in (measured.lut, measured.carry, measured.ff)),
        str(routing.usage["TRELLIS_COMB"].used),
        f"{routing.fmax.value:.1f}",
        f"{routing.latency.value:.1f}",
        f"{total:.2f}",
        f"{path.logic.value / total:.0%}",
        f"{path.routing.value / total:.0%}",
        f"{routing.seconds:.0f}",
    ]


def main() -> int:
    """Route every depth and print the front."""
    console = Console(width=150)
    graph, task = trained()
    scores = Interpreter.of(graph).run(task.test.inputs)[graph.outputs[0]]
    accuracy = float((scores.argmax(axis=1) == task.test.targets).mean())
    sizes = "-".join(map(str, (task.input_shape[0], *HIDDEN, scores.shape[1])))
    table = Table(
        *COLUMNS,
        title=f"{sizes}, {WEIGHT_BITS}-bit weights, {ACTIVATION_BITS}-bit activations, "
        f"{accuracy:.1%} on shipped test jets; ECP5-85k, speed grade {SPEED_GRADE}, "
        f"asked for {CLOCK_MHZ:g} MHz",
    )
    source = ""
    with tempfile.TemporaryDirectory() as folder:
        for depth in DEPTHS:
            backend = rtl(part="ecp5-85k", clock_mhz=CLOCK_MHZ, adders_per_stage=depth)
            design = backend.generate(graph, Path(folder) / f"depth_{depth}")
            bit_exact(graph, design, task.test.inputs[:ROWS]).require()
            routing = design.route(speed_grade=SPEED_GRADE)
            table.add_row(*row(depth, design.latency_cycles, design.measure(), routing))
            console.print(f"{depth or 'all'} adders per stage: {routing.fmax} routed")
            source = routing.fmax.source
    console.print(table)
    console.print(f"modelled: {source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
