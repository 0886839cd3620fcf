"""What a report shows of pulses: some with their estimates, and the resolution of all methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.compress import Compressed
from netwright.report.views import Curves, Views
from netwright.tasks import (
    Law,
    Pulses,
    Task,
    averaged_bound,
    calibrated,
    draw,
    pulse_estimates,
    pulse_inputs,
    pulse_law,
    pulse_samples,
    resolution,
)

SNRS_DB = (25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0)
ROWS = 4000
"""Pulses of each SNR, drawn anew."""

SEED = 1234
SHOWN = (0.02, 0.5, 0.98)
"""Quantiles of the amplitude, of which a pulse is shown."""

TICKS = 8
OURS, BOUND = "quantized network", "Cramér-Rao bound"

Times = Callable[[Pulses], NDArray[np.float64]]


def pulse_views(
    options: Mapping[str, Any], task: Task, model: Compressed, sent: NDArray[np.float64]
) -> Views:
    """Pulses of the test split with what the integer graph says, and resolutions against SNR.

    Args:
        options: Of the task: shape, SNR and condition.
        task: The task.
        model: The quantized network, in evaluation mode exact integers.
        sent: What the integer graph gives for the test split.
    """
    law = pulse_law(shape=options["shape"], snr_db=options["snr_db"])
    times, heights = pulse_estimates(sent.reshape(len(sent), -1), law)
    truth, amplitudes = pulse_estimates(task.test.targets, law)
    order = np.argsort(amplitudes, kind="stable")
    rows = [int(order[int(share * (len(order) - 1))]) for share in SHOWN]
    samples = pulse_samples(task.test.inputs, law)
    late = resolution(1000 * (times - truth))
    least = averaged_bound(law)
    return Views(
        caption=(
            f"{law.snr}, noise of the task: {options['condition']}. The integer graph on the test "
            f"split: {late.rms:.1f} ps RMS, bias {late.bias:.1f} ps, {late.sigma:.1f} ps by the "
            f"median, {100 * late.tail:.2f} % beyond four of them; amplitudes "
            f"{100 * resolution(heights / amplitudes - 1).rms:.2f} % RMS. Bound under white noise, "
            f"averaged over the amplitudes: {least.time_ps:.1f} ps, {100 * least.amplitude:.2f} %. "
            f"Curves: {ROWS} pulses with white noise each, drawn anew; the network was trained at "
            "one SNR only, the methods are corrected at each. All pulses are simulated."
        ),
        curves=(
            *(_pulse(law, samples[row], times[row], heights[row], truth[row]) for row in rows),
            _against_snr(law, model),
            _against_amplitude(law, amplitudes, 1000 * (times - truth)),
        ),
    )


def _pulse(
    law: Law, samples: NDArray[np.float64], time: float, height: float, truth: float
) -> Curves:
    places = law.digitizer.times_ns
    before = float(samples[:TICKS].mean())
    labels = tuple(f"{at:g}" if not i % TICKS else "" for i, at in enumerate(places.tolist()))
    estimate = before + height * law.shape.value(places - time)
    return Curves(
        title=f"A pulse of amplitude {height:.3f}: {1000 * (time - truth):+.0f} ps, over ns",
        unit="full scale",
        labels=labels,
        series={"samples": _shown(samples), "pulse of the estimate": _shown(estimate)},
    )


def _against_snr(law: Law, model: Compressed) -> Curves:
    from netwright.train import predict

    series: dict[str, list[float | None]] = {}
    for snr_db in SNRS_DB:
        at = law.at(snr_db)
        known, tested = draw(at, ROWS, seed=(SEED, 0)), draw(at, ROWS, seed=(SEED, 1))
        outputs = predict(model, pulse_inputs(tested))
        found = {OURS: pulse_estimates(outputs, law)[0]}
        found |= {name: use(tested.samples) for name, use in calibrated(at, known).items()}
        for name, times in found.items():
            late = resolution(1000 * (times - tested.times_ns))
            series.setdefault(name, []).append(late.rms)
        series.setdefault(BOUND, []).append(averaged_bound(at).time_ps)
    return Curves(
        title="Time resolution against SNR_peak in dB",
        unit="RMS error in ps",
        labels=tuple(f"{snr:g}" for snr in SNRS_DB),
        series={name: tuple(values) for name, values in series.items()},
        errors={name: tuple(_error(v) for v in values) for name, values in series.items()
                if name != BOUND},
        logarithmic=True,
    )  # fmt: skip


def _against_amplitude(
    law: Law, amplitudes: NDArray[np.float64], late: NDArray[np.float64]
) -> Curves:
    edges = np.linspace(law.least, law.most, TICKS)
    bins = np.clip(np.digitize(amplitudes, edges) - 1, 0, TICKS - 2)
    middles = (edges[1:] + edges[:-1]) / 2
    scale = averaged_bound(law).time_ps * np.sqrt(law.least * law.most)
    parts = [late[bins == at] for at in range(len(middles))]
    rms = [float(np.sqrt(np.mean(np.square(part)))) if len(part) else None for part in parts]
    return Curves(
        title="Time resolution against the amplitude",
        unit="RMS error in ps",
        labels=tuple(f"{at:.2f}" for at in middles.tolist()),
        series={
            OURS: tuple(rms),
            BOUND: tuple(float(scale / at) for at in middles),
        },
    )


def _error(rms: float | None) -> float | None:
    """Twice the standard error of a root mean square of Gaussian errors."""
    return None if rms is None else 2 * rms / float(np.sqrt(2 * ROWS))


def _shown(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
