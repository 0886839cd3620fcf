"""The task of pulses: when a detector pulse began and how high it is, from its samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.base import Scaling, Task
from netwright.tasks.card import Card
from netwright.tasks.pulses_bounds import averaged_bound
from netwright.tasks.pulses_draw import Pulses, check_rows, draw_mixed
from netwright.tasks.pulses_law import CONDITIONS, PUBLISHED_SNR, Law, Noise
from netwright.tasks.pulses_shapes import BiExponential, CrRc, Shape
from netwright.tasks.scores import Score
from netwright.tasks.split import INPUT, Split, check_seed, digest_of

ShapeName = Literal["cr-rc", "bi-exponential"]
Condition = Literal["white", "stretched", "flicker", "wander", "pile-up", "clock", "mixed"]
Array = NDArray[np.float64]

SHAPES: dict[str, Callable[[], Shape]] = {
    "cr-rc": CrRc,
    "bi-exponential": BiExponential,
}

INPUT_STEPS = 1024
"""Codes that make an input of 1; a power of two, so that a code is an input exactly."""

AMPLITUDE_FACTOR = 4.0
"""Targets of amplitudes are their distance from the mean amplitude, times this factor."""


def pulses(
    *,
    seed: int = 7,
    shape: ShapeName = "cr-rc",
    snr_db: float = PUBLISHED_SNR.value,
    condition: Condition = "white",
    denoised: bool = False,
    train_rows: int = 300_000,
    validation_rows: int = 20_000,
    test_rows: int = 20_000,
) -> Task:
    """Return the task of pulses, a regression.

    An input is a pulse, (1, 64): codes of the digitizer above the pedestal, over 1024. Targets are
    the beginning in samples from its mean, and the distance of the amplitude from its mean times
    four; :func:`estimates` has them in nanoseconds and of full scale. The score is the time
    resolution, in picoseconds.

    Args:
        seed: Seed of the pulses, 0 to 2^63 - 1.
        shape: Of the pulses: ``"cr-rc"``, or ``"bi-exponential"``.
        snr_db: Peak of the mean amplitude over the white noise, 20 log10.
        condition: What disturbs them besides white noise; ``"mixed"`` has as many of each.
        denoised: Add the 64 values without noise to the targets, in units of the inputs.
        train_rows: Pulses to train with.
        validation_rows: Pulses to choose between networks with.
        test_rows: Pulses to report on.

    Raises:
        ConfigError: An option is out of range.

    Example:
        >>> task = pulses(train_rows=100, validation_rows=50, test_rows=50)
        >>> task.input_shape, task.output_shape, task.score.unit
        ((1, 64), (2,), 'ps')
    """
    check_seed(seed)
    sizes = {"train_rows": train_rows, "validation_rows": validation_rows, "test_rows": test_rows}
    for name, rows in sizes.items():
        check_rows(rows, name=name)
    law = pulse_law(shape=shape, snr_db=snr_db)
    if condition == "mixed":
        laws = [law.under(name) for name in CONDITIONS]
    else:
        laws = [law.under(condition)]
    parts = [
        draw_mixed(laws, rows, seed=_part_seed(seed, at)) for at, rows in enumerate(sizes.values())
    ]
    return from_pulses(*parts, law=law, noise=condition, denoised=denoised, seeds={"pulses": seed})


def from_pulses(
    train: Pulses,
    validation: Pulses,
    test: Pulses,
    *,
    law: Law,
    noise: str = "as drawn",
    denoised: bool = False,
    seeds: Mapping[str, int] | None = None,
) -> Task:
    """Return the task of pulses that were drawn before; see :func:`pulses`.

    Args:
        train: Pulses to train with.
        validation: Pulses to choose between networks with.
        test: Pulses to report on.
        law: What the targets are scaled by; its bound is on the card.
        noise: What disturbs the pulses, in words.
        denoised: Add the values without noise to the targets.
        seeds: Of the pulses, by purpose.
    """
    splits = [_split(part, law, denoised=denoised) for part in (train, validation, test)]
    scale = Scaling(np.array(float(law.digitizer.pedestal_code)), np.array(float(INPUT_STEPS)))
    return Task(
        name="pulses",
        train=splits[0],
        validation=splits[1],
        test=splits[2],
        loss="pulses",
        score=time_resolution(law),
        card=_card(law, noise, dict(seeds or {}), splits),
        scaling={INPUT: scale},
    )


def pulse_law(*, shape: ShapeName = "cr-rc", snr_db: float = PUBLISHED_SNR.value) -> Law:
    """The law of the pulses of a task, with white noise only.

    Raises:
        ConfigError: There is no such shape, or the SNR is out of range.
    """
    if shape not in SHAPES:
        raise ConfigError(f'shape must be {", ".join(SHAPES)}, not "{shape}"')
    return Law(SHAPES[shape](), noise=Noise(snr_db=snr_db))


def as_inputs(found: Pulses) -> NDArray[np.float32]:
    """Pulses as a network reads them, (rows, 1, samples)."""
    above = found.codes - found.law.digitizer.pedestal_code
    return (above / INPUT_STEPS).astype(np.float32)[:, None]


def as_samples(inputs: NDArray[Any], law: Law) -> Array:
    """What a network reads as samples above the pedestal, of full scale, (rows, samples)."""
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    return flat * (INPUT_STEPS * law.digitizer.lsb)


def estimates(outputs: NDArray[Any], law: Law) -> tuple[Array, Array]:
    """Outputs of a network, or targets, as times in ns and amplitudes of full scale, (rows,)."""
    values = np.asarray(outputs, np.float64)
    times = values[:, 0] * law.digitizer.period_ns + law.middle_ns
    return times, values[:, 1] / AMPLITUDE_FACTOR + law.mean_amplitude


def time_resolution(law: Law) -> Score:
    """The score of pulses of a law: root mean square error of the beginnings, in picoseconds."""
    return Score("time resolution", "ps", False, partial(_rms_ps, law.digitizer.period_ns))


def _rms_ps(period_ns: float, outputs: NDArray[Any], split: Split) -> float:
    late = np.asarray(outputs, np.float64)[:, 0] - split.targets[:, 0]
    return 1000 * period_ns * float(np.sqrt(np.mean(np.square(late))))


def _part_seed(seed: int, part: int) -> int:
    """Seed of a split: other numbers for other seeds and parts."""
    return int(np.random.SeedSequence([seed, part]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _split(part: Pulses, law: Law, *, denoised: bool) -> Split:
    late = (part.times_ns - law.middle_ns) / law.digitizer.period_ns
    high = (part.amplitudes - law.mean_amplitude) * AMPLITUDE_FACTOR
    targets = np.stack([late, high], axis=1)
    if denoised:
        clean = part.clean / (INPUT_STEPS * law.digitizer.lsb)
        targets = np.concatenate([targets, clean], axis=1)
    return Split({INPUT: as_inputs(part)}, targets.astype(np.float32))


def _card(law: Law, noise: str, seeds: dict[str, int], splits: list[Split]) -> Card:
    parts = {f"{at}.{name}": array for at, split in enumerate(splits)
             for name, array in {**split.arrays, "targets": split.targets}.items()}  # fmt: skip
    digitizer, least = law.digitizer, averaged_bound(law)
    return Card(
        title=f"simulated detector pulses, {law.shape.name}, {law.snr}",
        recipe=(
            f"{digitizer.samples} samples of {digitizer.period_ns:g} ns and {digitizer.bits} bits; "
            f"beginnings uniform over {law.range_ns:g} ns, amplitudes uniform from {law.least:g} "
            f"to {law.most:g} of full scale, baselines within {law.noise.baseline:g} of it; noise: "
            f"{noise}"
        ),
        synthetic=True,
        sha256=digest_of(parts),
        license="generated numbers, under the license of netwright",
        remarks=(
            "SNR is said by both definitions, for a pulse of mean amplitude and white noise.",
            f"Cramér-Rao bound under white noise, averaged over beginnings and amplitudes: "
            f"{least.time_ps:.1f} ps, {100 * least.amplitude:.3f} % of the amplitude.",
            "No detector was measured: digitizer, jitter and noise are a model.",
        ),
        seeds=seeds,
    )
