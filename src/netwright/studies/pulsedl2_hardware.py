"""Claims of the study ``pulsedl2`` about integers, clocks and lookup tables."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np
import torch

from netwright import backends, compress, models, tasks, train, verify
from netwright.ir import Graph, Interpreter
from netwright.quantities import Quantity
from netwright.studies.claims import Finding
from netwright.studies.pulsedl2_networks import PUBLISHED, SEEDS, drawn, tuned
from netwright.studies.study import Context

LAW = tasks.pulse_law()
CHIP_ROWS, SPEED_ROWS = 2000, 5
ACCELERATOR = backends.SharedOptions(lanes=8, units=2, elements=2)


def _untrained() -> tuple[tasks.Task, compress.Compressed, Graph]:
    """The small network with the published widths, before any training."""
    task = tasks.pulses(train_rows=1000, validation_rows=100, test_rows=1000)
    model = models.pulse_cnn(task)
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=8, activation_bits=16)
    made = compress.apply(model, plan.with_rules(scale="power-of-two", granularity="channel"), task)
    return task, made, train.trace(made, name="pulses")


def cycles(context: Context) -> Finding:
    """Of the accelerator with the network's image."""
    design = _generated(_untrained()[2], context.folder / "cycles")
    share = 23_616 / (design.cycles * ACCELERATOR.multipliers)
    remark = f"{100 * share:.0f} % of the multiplications that were possible"
    return Finding(Quantity(design.cycles, "cycles", "formula of the RTL", "modelled"), remark)


def _generated(graph: Graph, folder: Path) -> backends.SharedDesign:
    design = backends.rtl(shared=ACCELERATOR).generate(graph, folder)
    assert isinstance(design, backends.SharedDesign)
    return design


def accelerator(context: Context) -> Finding:
    """The fine-tuned network of the first seed."""
    model = tuned(context, PUBLISHED, seeds=SEEDS[:1])[SEEDS[0]]
    graph = train.trace(model, name="pulses")
    design = _generated(graph, context.folder / "accelerator")
    found = verify.bit_exact(graph, design, tasks.pulse_inputs(drawn("white", LAW.noise.snr_db)))
    share = found.identical / found.rows
    return Finding(Quantity(share, "", f"{found.rows} pulses", "simulated"), str(LAW.snr))


def integers(context: Context) -> Finding:
    """Before any training."""
    task, made, graph = _untrained()
    codes = Interpreter.of(graph).run({graph.inputs[0]: task.test.inputs})[graph.outputs[0]]
    with torch.no_grad():
        found = np.asarray(compress.quantized_part(made).codes(torch.from_numpy(task.test.inputs)))
    same = float((found == codes).all(axis=1).mean())
    return Finding(Quantity(same, "", f"{len(codes)} pulses", "measured"))


def lut_per_multiplier(context: Context) -> Finding:
    """After open synthesis for ECP5, with the network's image."""
    sizes = ACCELERATOR.lanes, ACCELERATOR.units, ACCELERATOR.elements
    found = backends.evaluate_shared(_untrained()[2], *sizes, folder=context.folder / "synthesis")
    assert found.lut is not None
    assert found.lut_per_multiplier is not None
    remark = (
        f"{found.lut.value:g} LUT, those inside carry cells included, for {found.multipliers} "
        f"multipliers; {found.dsp or 'no'} DSP blocks"
    )
    source = "Yosys for ECP5, LUTs of four inputs"
    return Finding(Quantity(found.lut_per_multiplier, "LUT", source, "modelled"), remark)


def chip(context: Context) -> Finding:
    """The whole chip, its events on SPI, its answers on the UART."""
    rows = tasks.pulse_inputs(drawn("white", LAW.noise.snr_db))[:CHIP_ROWS]
    model = tuned(context, PUBLISHED, seeds=SEEDS[:1])[SEEDS[0]]
    graph = train.trace(model, name="pulses")
    found = verify.bit_exact(graph, _chip(graph, context.folder / "chip"), rows)
    share = found.identical / found.rows
    return Finding(Quantity(share, "", f"{found.rows} pulses", "simulated"), str(LAW.snr))


def software_speed(context: Context) -> Finding:
    """Median clocks of the same events, on the core alone over with the accelerator."""
    graph = _untrained()[2]
    design = _chip(graph, context.folder / "speed")
    rows = tasks.pulse_inputs(drawn("white", LAW.noise.snr_db))[:SPEED_ROWS]
    fast, slow = design.trial(alone=True), design.by_software().trial(alone=True)
    for trial in (fast, slow):
        verify.bit_exact(graph, trial, rows).require()
    clocks = [median(answer.cycles for answer in trial.answers) for trial in (fast, slow)]
    parts = fast.answers[0].parts
    told = ", ".join(f"{name} {count}" for name, count in parts.items())
    remark = (
        f"{clocks[1]:g} clocks in software, {clocks[0]:g} with the accelerator ({told}), of which "
        f"the relay is {100 * parts['relay'] / fast.answers[0].cycles:.0f} %; UART left out"
    )
    return Finding(Quantity(clocks[1] / clocks[0], "", "Verilator", "simulated"), remark)


def _chip(graph: Graph, folder: Path) -> backends.SocDesign:
    network = backends.rtl(shared=ACCELERATOR)
    return backends.soc(network=network, spi_lanes=4).generate(graph, folder)
