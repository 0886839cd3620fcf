"""Claims of the study ``pulsedl2`` that follow from the law of the pulses alone."""

from __future__ import annotations

from netwright import compress, models, tasks
from netwright.quantities import Quantity
from netwright.studies.claims import Finding
from netwright.studies.pulsedl2_networks import drawn
from netwright.studies.study import Context

LAW = tasks.pulse_law()
DB = LAW.noise.snr_db


def _modelled(value: float, unit: str, remark: str = "") -> Finding:
    return Finding(Quantity(value, unit, "netwright.tasks", "modelled"), remark)


def snr_definitions(context: Context) -> Finding:
    """Of the law of the task."""
    return _modelled(LAW.snr.peak_db - LAW.snr.power_db, "dB", str(LAW.snr))


def bound_time(context: Context) -> Finding:
    """At the middle of the beginnings."""
    mean = tasks.averaged_bound(LAW).time_ps
    at = tasks.bound_at(LAW, LAW.middle_ns, LAW.mean_amplitude)
    return _modelled(at.time_ps, "ps", f"{mean:.1f} ps averaged over the amplitudes; {LAW.snr}")


def bound_amplitude(context: Context) -> Finding:
    """Relative to the amplitude."""
    at = tasks.bound_at(LAW, LAW.middle_ns, LAW.mean_amplitude)
    return _modelled(100 * at.amplitude, "%", str(LAW.snr))


def template_reaches_bound(context: Context) -> Finding:
    """On 20 000 pulses."""
    pulses, period = drawn("white", DB), LAW.digitizer.period_ns
    times, _, _ = tasks.template_fit(
        pulses.samples, LAW.shape, period_ns=period, start_ns=LAW.middle_ns
    )
    late = tasks.resolution(1000 * (times - pulses.times_ns)).rms
    return _modelled(late / tasks.averaged_bound(LAW).time_ps, "", f"{late:.1f} ps; {LAW.snr}")


def macs(context: Context) -> Finding:
    """Positions times terms times outputs of every layer."""
    task = tasks.pulses(train_rows=10, validation_rows=10, test_rows=10)
    shapes = compress.layer_shapes(models.pulse_cnn(task), task.input_shape)
    return _modelled(sum(s.positions * s.inputs * s.outputs for s in shapes), "")
