"""Functions that check the claims in ``pulsedl2.toml``, one for each id, by public names only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean, stdev

from torch import nn

from netwright import tasks, train
from netwright.quantities import Quantity
from netwright.studies import Context, Finding
from netwright.studies.pulsedl2_bounds import (  # noqa: F401  claims, too
    bound_amplitude,
    bound_time,
    macs,
    snr_definitions,
    template_reaches_bound,
)
from netwright.studies.pulsedl2_hardware import (  # noqa: F401  claims, too
    accelerator,
    chip,
    cycles,
    integers,
    lut_per_multiplier,
    software_speed,
)
from netwright.studies.pulsedl2_networks import (
    EIGHT_BITS,
    PUBLISHED,
    SNRS_DB,
    drawn,
    floats,
    late_ps,
    method_late_ps,
    tuned,
)

SIMULATED = "simulated pulses, not those of a detector"
LAW = tasks.pulse_law()
DB = LAW.noise.snr_db


def _over(values: Sequence[float], unit: str, remark: str = "") -> Finding:
    """Mean and standard deviation over the seeds."""
    deviation = stdev(values) if len(values) > 1 else None
    source = f"{len(values)} seeds, {LAW.snr}"
    each = ", ".join(f"{value:.4g}" for value in values) + " by seed"
    told = f"{each}; {remark}" if remark else each
    return Finding(Quantity(fmean(values), unit, source, "measured", deviation), told)


def time_resolution(context: Context) -> Finding:
    """The integers of the graph, at the published SNR."""
    return _over(_ratios(context, DB), "", f"bound {tasks.averaged_bound(LAW).time_ps:.1f} ps")


time_resolution_goal = time_resolution


def published_time(context: Context) -> Finding:
    """Root mean square errors; full widths in the remark."""
    found = [tasks.resolution(late_ps(m, drawn("white", DB)))
             for m in tuned(context, PUBLISHED).values()]  # fmt: skip
    widths = ", ".join(f"{r.fwhm:.0f}" for r in found)
    remark = f"full widths {widths} ps; {SIMULATED}; {LAW.snr}"
    return replace(_over([r.rms for r in found], "ps", remark), smaller_scale=SIMULATED)


def published_energy(context: Context) -> Finding:
    """Relative errors of the amplitude."""
    pulses, found = drawn("white", DB), []
    for model in tuned(context, PUBLISHED).values():
        outputs = train.predict(model, tasks.pulse_inputs(pulses))
        heights = tasks.pulse_estimates(outputs, LAW)[1]
        found.append(100 * tasks.resolution(heights / pulses.amplitudes - 1).rms)
    return replace(_over(found, "%", str(LAW.snr)), smaller_scale=SIMULATED)


def low_noise_curve(context: Context) -> Finding:
    """The mean ratio over the seeds at the worst SNR up to the published one."""
    ratios = {snr: fmean(_ratios(context, snr)) for snr in SNRS_DB}
    curve = ", ".join(
        f"{snr:g} dB {ratio * tasks.averaged_bound(LAW.at(snr)).time_ps:.1f} ps ({ratio:.2f})"
        for snr, ratio in ratios.items()
    )
    worst = max(ratio for snr, ratio in ratios.items() if snr <= DB)
    return Finding(Quantity(worst, "", f"{len(SNRS_DB)} SNRs, SNR_peak", "measured"), curve)


def _beside_template(
    context: Context, condition: str, *, learned: str = "white"
) -> tuple[float, str]:
    """Root mean square error over that of the template fit, and widths by the median in words."""
    pulses = drawn(condition, DB)
    networks = tuned(context, PUBLISHED, learned).values()
    own = [tasks.resolution(late_ps(model, pulses)) for model in networks]
    fit = tasks.resolution(method_late_ps("template fit", pulses))
    rms, sigma = fmean(one.rms for one in own), fmean(one.sigma for one in own)
    told = f"{condition} {rms:.0f} ps against {fit.rms:.0f} ps (median {sigma:.0f} and "
    return rms / fit.rms, f"{told}{fit.sigma:.0f})"


def _out_of_model(condition: str, context: Context) -> Finding:
    """Root mean square errors; the widths by the median are in the remark."""
    ratio, told = _beside_template(context, condition)
    return Finding(Quantity(ratio, "", f"mean over seeds, {LAW.snr}", "measured"), told)


out_of_model_stretched = partial(_out_of_model, "stretched")
out_of_model_flicker = partial(_out_of_model, "flicker")
out_of_model_wander = partial(_out_of_model, "wander")
out_of_model_pile_up = partial(_out_of_model, "pile-up")
out_of_model_clock = partial(_out_of_model, "clock")


def learned_shapes(context: Context) -> Finding:
    """Stretched pulses, and what the network then makes of plain ones."""
    ratio, told = _beside_template(context, "stretched", learned="mixed")
    told += "; but " + _beside_template(context, "white", learned="mixed")[1]
    return Finding(Quantity(ratio, "", f"mean over seeds, {LAW.snr}", "measured"), told)


def activation_bits(context: Context) -> Finding:
    """Network by network."""
    pulses = drawn("white", DB)
    few, many = tuned(context, EIGHT_BITS), tuned(context, PUBLISHED)
    pairs = [(_rms(few[seed], pulses), _rms(many[seed], pulses)) for seed in many]
    told = ", ".join(f"{a:.1f} against {b:.1f} ps" for a, b in pairs)
    return _over([a / b for a, b in pairs], "", told)


def weight_bits(context: Context) -> Finding:
    """The quantized network over the one it was made from."""
    pulses = drawn("white", DB)
    before, after = floats(context), tuned(context, PUBLISHED)
    return _over([_rms(after[seed], pulses) / _rms(before[seed], pulses) for seed in after], "")


def _rms(model: nn.Module, pulses: tasks.Pulses) -> float:
    return tasks.resolution(late_ps(model, pulses)).rms


def _ratios(context: Context, snr_db: float) -> list[float]:
    """Error over the averaged bound of the quantized network of every seed."""
    bound = tasks.averaged_bound(LAW.at(snr_db)).time_ps
    pulses = drawn("white", snr_db)
    return [_rms(model, pulses) / bound for model in tuned(context, PUBLISHED).values()]
