"""Random chains of layers with made-up sensitivities."""

from __future__ import annotations

import numpy as np

from netwright.compress import (
    ActivationSensitivity,
    LayerSensitivity,
    LayerShape,
    TraceEstimate,
    WeightSensitivity,
)

JETS = tuple(
    LayerShape(f"fc{i + 1}", inputs, outputs, 1, inputs * outputs)
    for i, (inputs, outputs) in enumerate([(16, 64), (64, 32), (32, 32), (32, 5)])
)
"""The jet tagger of the published space."""


def chain(
    seed: int, *, layers: int = 4, bits: range = range(2, 17), spread: float = 2.0
) -> tuple[LayerSensitivity, ...]:
    """Layers whose loss growth falls by about four with every bit; `spread` in decades."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(layers):
        inputs, outputs = (int(n) for n in rng.integers(3, 70, 2))
        shape = LayerShape(f"fc{i}", inputs, outputs, int(rng.integers(1, 4)), inputs * outputs)
        scale = 10 ** rng.uniform(-spread, spread, 2)
        fall = {b: 4.0**-b * rng.uniform(0.7, 1.3) for b in bits}
        trace = TraceEstimate(float(scale[0] * inputs * outputs), 0.0, 100)
        weight = WeightSensitivity(trace, inputs * outputs, 1.0, fall)
        growth = {b: float(scale[1] * 4.0**-b * rng.uniform(0.7, 1.3)) for b in bits}
        made.append(LayerSensitivity(shape, weight, ActivationSensitivity(growth, dict(growth))))
    return tuple(made)
