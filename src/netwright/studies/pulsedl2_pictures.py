"""Pictures of the study ``pulsedl2``: pulses, resolution against SNR, and against bits."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, stdev

from netwright import tasks
from netwright.report import Panel, lines
from netwright.run import Silent
from netwright.studies.pulsedl2_networks import (
    ACTIVATION_SWEEP,
    EIGHT_BITS,
    PUBLISHED,
    SNRS_DB,
    WEIGHT_SWEEP,
    Widths,
    drawn,
    late_ps,
    method_late_ps,
    tuned,
)
from netwright.studies.study import Context

LAW = tasks.pulse_law()
DB = LAW.noise.snr_db
METHODS = (
    "template fit", "fraction of the peak", "constant fraction", "leading edge, walk corrected",
)  # fmt: skip
NETWORK, BOUND = "network, 8-bit weights, 16-bit activations", "Cramér-Rao bound"
SHOWN_PULSES = 3
TICKS = 8


def draw(folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder; trainings that are not done yet are done now.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    context = Context("full", folder.parent / "full" / "work", Silent())
    paths = tuple(folder / f"{name}.svg" for name in ("pulses", "snr", "weights", "activations"))
    _pulses(paths[0], context)
    _snr(paths[1], context)
    _bits(paths[2], context, WEIGHT_SWEEP, "bits of the weights, activations of 16 bits")
    _bits(paths[3], context, (EIGHT_BITS, *ACTIVATION_SWEEP), "bits of activations / input")
    return paths


def _pulses(path: Path, context: Context) -> None:
    pulses, model = drawn("white", DB), next(iter(tuned(context, PUBLISHED).values()))
    late, places = late_ps(model, pulses), LAW.digitizer.times_ns
    labels = tuple(f"{at:g}" if not i % TICKS else "" for i, at in enumerate(places.tolist()))
    panels = []
    for row in range(SHOWN_PULSES):
        time = pulses.times_ns[row] + late[row] / 1000
        samples = pulses.samples[row]
        height = pulses.amplitudes[row]
        estimate = samples[:TICKS].mean() + height * LAW.shape.value(places - time)
        series = {"samples": samples.tolist(), "pulse at the network's time": estimate.tolist()}
        panels.append(Panel(f"{late[row]:+.0f} ps at {height:.2f}", labels, series))
    lines(path, panels, title=f"Simulated pulses over ns, {LAW.snr}", unit="full scale")


def _snr(path: Path, context: Context) -> None:
    found: dict[str, list[float | None]] = {NETWORK: [], BOUND: []}
    errors: dict[str, list[float | None]] = {NETWORK: []}
    for snr in SNRS_DB:
        pulses = drawn("white", snr)
        own = [tasks.resolution(late_ps(m, pulses)).rms for m in tuned(context, PUBLISHED).values()]
        found[NETWORK].append(fmean(own))
        errors[NETWORK].append(stdev(own) if len(own) > 1 else None)
        found[BOUND].append(tasks.averaged_bound(LAW.at(snr)).time_ps)
        for name in METHODS:
            rms = tasks.resolution(method_late_ps(name, pulses)).rms
            found.setdefault(name, []).append(rms)
    panel = Panel("over SNR_peak in dB", tuple(f"{s:g}" for s in SNRS_DB), found, errors)
    lines(path, [panel], title="Time resolution, networks trained at 47.4 dB, seeds as a band",
          unit="RMS error in ps", logarithmic=True)  # fmt: skip


def _bits(path: Path, context: Context, sweep: tuple[Widths, ...], axis: str) -> None:
    pulses, means, spreads = drawn("white", DB), [], []
    for widths in sweep:
        own = [tasks.resolution(late_ps(m, pulses)).rms for m in tuned(context, widths).values()]
        means.append(fmean(own))
        spreads.append(stdev(own) if len(own) > 1 else None)
    labels = tuple(
        f"{w}" if axis.startswith("bits of the weights") else f"{a} / {i}" for w, a, i in sweep
    )
    bound = tasks.averaged_bound(LAW).time_ps
    series: dict[str, list[float | None]] = {"network": [*means], BOUND: [bound] * len(sweep)}
    lines(path, [Panel(axis, labels, series, {"network": spreads})],
          title=f"Time resolution, {LAW.snr}", unit="RMS error in ps")  # fmt: skip
