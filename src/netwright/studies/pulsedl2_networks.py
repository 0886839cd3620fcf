"""Trainings of the study ``pulsedl2``: kept on disk, seed by seed, and taken up where they were."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import nn

from netwright import compress, models, tasks, train
from netwright.studies.study import Context

SEEDS = (1, 2, 3)
SNRS_DB = (25.0, 30.0, 35.0, 40.0, 47.4, 55.0, 60.0)
CONDITIONS = ("white", "stretched", "flicker", "wander", "pile-up", "clock")
TEST_ROWS = 20_000

FLOAT = train.Recipe(epochs=20, batch_size=512, learning_rate=4e-3, warmup=0.02)
"""How networks are trained in floating point: 6 000 000 pulses, all of which count alike."""

MIXED = train.Recipe(epochs=5, batch_size=512, learning_rate=2e-3, warmup=0.02)
"""How they learn on with pulses under every condition."""

TUNED = train.Recipe(epochs=3, batch_size=512, learning_rate=1e-3)
TUNED_ROWS = 100_000
"""How quantized networks are fine-tuned, and with how many pulses."""

Widths = tuple[int, int, int]
"""Bits of weights, of activations and of the input."""

WEIGHT_SWEEP: tuple[Widths, ...] = tuple((bits, 16, 16) for bits in (4, 5, 6, 7, 8))
ACTIVATION_SWEEP: tuple[Widths, ...] = tuple((8, bits, 16) for bits in (8, 9, 10, 12, 14, 16))
EIGHT_BITS: Widths = (8, 8, 8)
PUBLISHED: Widths = (8, 16, 16)


@cache
def task_of(condition: str) -> tasks.Task:
    """Pulses under a condition, at the published SNR."""
    return tasks.pulses(condition=condition)  # type: ignore[arg-type]


@cache
def drawn(condition: str, snr_db: float) -> tasks.Pulses:
    """Pulses that no network and no method has seen."""
    law = tasks.pulse_law(snr_db=snr_db)
    return tasks.draw(law.under(condition), TEST_ROWS, seed=(99, round(10 * snr_db)))


def floats(
    context: Context, condition: str = "white", seeds: Sequence[int] = SEEDS
) -> dict[int, nn.Module]:
    """Networks in floating point, by seed; those of mixed pulses go on from the others."""
    task, folder = task_of(condition), context.folder / f"float-{condition}"
    if condition == "white":
        found: dict[int, nn.Module] = {seed: models.pulse_cnn(task, seed=seed) for seed in seeds}
        train.fit_seeds(found, task, folder=folder, recipe=FLOAT, workers=1)
        return found
    found = floats(context, "white", seeds)
    train.fit_seeds(found, task, folder=folder, recipe=MIXED, workers=1)
    return found


def tuned(
    context: Context, widths: Widths, condition: str = "white", seeds: Sequence[int] = SEEDS
) -> dict[int, nn.Module]:
    """Quantized networks, by seed: calibrated, fine-tuned, and at last with frozen scales."""
    task, name = task_of(condition).subset(TUNED_ROWS), "-".join(map(str, widths))
    weight_bits, activation_bits, input_bits = widths
    made: dict[int, nn.Module] = {}
    for seed, model in floats(context, condition, seeds).items():
        plan = compress.uniform(
            compress.layer_shapes(model, task.input_shape),
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            input_bits=input_bits,
        ).with_rules(scale="power-of-two", granularity="channel")
        made[seed] = compress.apply(model, plan, task)
    train.fit_seeds(
        made,
        task,
        folder=context.folder / f"tuned-{condition}-{name}",
        recipe=TUNED,
        callbacks=[train.Calibrate(), train.FreezeScales()],
        workers=1,
    )
    return made


def late_ps(model: nn.Module, pulses: tasks.Pulses) -> NDArray[np.float64]:
    """Errors of the beginnings that a network gives, in picoseconds."""
    times, _ = tasks.pulse_estimates(
        train.predict(model, tasks.pulse_inputs(pulses)), tasks.pulse_law()
    )
    return 1000 * (times - pulses.times_ns)


def method_late_ps(name: str, pulses: tasks.Pulses) -> NDArray[np.float64]:
    """Errors of a classical method, corrected on white pulses of the same SNR, in picoseconds."""
    method = _calibrated(pulses.law.noise.snr_db)[name]
    return 1000 * (method(pulses.samples) - pulses.times_ns)


@cache
def _calibrated(snr_db: float) -> dict[str, tasks.Timing]:
    law = tasks.pulse_law(snr_db=snr_db)
    return dict(tasks.calibrated(law, tasks.draw(law, TEST_ROWS, seed=(98, round(10 * snr_db)))))
