"""Functions that check the claims in ``tbsac.toml``, by public names only."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import fmean

import numpy as np

from netwright import compress, train
from netwright.models import Policy
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, percent, points
from netwright.studies.tbsac_hardware import in_the_chip, in_the_loop, quantized
from netwright.studies.tbsac_injector import injector
from netwright.studies.tbsac_limits import regret, searches
from netwright.studies.tbsac_policies import (
    AFFINE,
    MACHINES,
    SWEEPS,
    WITHOUT,
    classical,
    controller,
    drawn,
    plants,
    policies,
    run,
    share,
    simulated,
    sweep,
)
from netwright.tasks import beam

ON_AFFINE = f"{MACHINES} machines of the affine plant"
TRACKED = f"{MACHINES} machines tracked by Cheetah"
STRANGE = beam.Faults(monitor_noise_mm=0.05, monitor_offset_mm=0.1, gain=0.1, solenoid=0.05)

__all__ = ["in_the_chip", "in_the_loop", "injector", "quantized", "regret", "searches"]


def shaping(context: Context) -> Finding:
    """From all readings smaller to all larger, the RMS kept out."""
    rules, ends = beam.Rules(), []
    for before, after in ((2.0, 1.0), (1.0, 2.0)):
        row = np.ones((1, beam.CM1.num_readings))
        ends.append(beam.trend_reward(before * row, after * row, rules)[0] + after)
    ours = Quantity(float(ends[0] - ends[1]), "", "netwright.tasks.beam", "modelled")
    return Finding(ours, f"from {ends[1]:.2f} to {ends[0]:+.2f}")


def _published() -> Policy:
    return Policy(30, 10, front="convolution")


def actor_size(context: Context) -> Finding:
    """Counted."""
    parts = ((made := _published()), made.head)
    count = sum(p.numel() for part in parts for p in part.parameters())
    return Finding(Quantity(count, "", "the network", "modelled"))


def actor_macs(context: Context) -> Finding:
    """Weights times positions."""
    shapes = compress.layer_shapes(_published(), (30,))
    macs = sum(shape.weights * shape.positions for shape in shapes)
    return Finding(Quantity(macs, "", "netwright.compress.layer_shapes", "modelled"))


def plant_speed(context: Context) -> Finding:
    """4096 machines side by side, some dozen steps."""
    loop, actions = beam.OrbitLoop(AFFINE(drawn(4096))), np.full((4096, 10), 0.5)
    started = time.perf_counter()
    for _ in range(24):
        loop.step(actions)
    seconds = time.perf_counter() - started
    return Finding(Quantity(24 * 4096 / seconds, "steps/s", "this machine, one core", "measured"))


def least_squares(context: Context) -> Finding:
    """Both halves of the machines; the others of the table are in the remark."""
    found = {n: [run(c, plant) for plant in plants()] for n, c in classical().items()}
    told = ", ".join(
        f"{name} {100 * fmean(e.share_below(1.0) for e in both):.1f} % "
        f"in {fmean(float(e.steps.mean()) for e in both):.1f} steps"
        for name, both in found.items()
    )
    first = fmean(float(e.first_mm.mean()) for e in found["none"])
    best = fmean(e.share_below(1.0) for e in found["least squares, as drawn"])
    return Finding(simulated(percent([best], ON_AFFINE)), f"{told}; RMS at first {first:.1f} mm")


def policy(context: Context) -> Finding:
    """A share for every seed; steps beside it."""
    runs = [[run(controller(p), plant) for plant in plants()]
            for p in policies(context, "policy")]  # fmt: skip
    shares = [fmean(e.share_below(1.0) for e in both) for both in runs]
    steps = fmean(e.mean_steps for both in runs for e in both if e.success.any())
    worst = max(float(e.last_mm.max()) for both in runs for e in both)
    each = ", ".join(f"{100 * value:.1f}" for value in shares)
    told = f"seeds {each}; {steps:.1f} steps to success; worst orbit {worst:.2f} mm"
    return Finding(simulated(percent(shares, ON_AFFINE)), told)


def trend(context: Context) -> Finding:
    """Means over the seeds."""
    names = ("dense policy", WITHOUT)
    found = [fmean(v for plant in plants() for v in share(
        [controller(p, name) for p in policies(context, name)], plant))
        for name in names]  # fmt: skip
    told = ", ".join(f"{n} {100 * v:.1f} %" for n, v in zip(names, found, strict=True))
    return Finding(simulated(points(found[0] - found[1], ON_AFFINE)), told)


def _tracked(context: Context, faults: beam.Faults) -> dict[str, list[float]]:
    plant = train.TrackedPlant(drawn(faults=faults))
    found = {name: share([one], plant) for name, one in classical().items()}
    chosen = [controller(p) for p in policies(context, "policy")]
    return {**found, "policy": share(chosen, plant)}


def _told(found: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {100 * fmean(values):.1f} %" for name, values in found.items())


def zero_shot(context: Context) -> Finding:
    """All controllers on the same machines and noise."""
    found = _tracked(context, STRANGE)
    return Finding(simulated(percent(found["policy"], TRACKED)), _told(found))


def broken(context: Context) -> Finding:
    """The same with two faults that nobody tells the controllers."""
    found = _tracked(context, replace(STRANGE, swapped=1, dead_monitors=1))
    apart = fmean(found["policy"]) - fmean(found["least squares, as drawn"])
    return Finding(simulated(points(apart, TRACKED)), _told(found))


def crossing(context: Context) -> Finding:
    """Three sweeps; the figure is of the one of signs."""
    chosen = policies(context, "policy")
    apart, told = {}, []
    for fault, (what, values) in SWEEPS.items():
        found = sweep(chosen, fault)
        rows = list(zip(values, found["policy"], found["least squares, as drawn"], strict=True))
        told.append(f"{what}: " + ", ".join(f"{v:g}: {100 * a:.1f} and {100 * b:.1f} %"
                                            for v, a, b in rows))  # fmt: skip
        apart[fault] = {value: ours - theirs for value, ours, theirs in rows}
    ours = simulated(points(apart["swap_chance"][0.05], ON_AFFINE))
    return Finding(ours, f"policy and least squares, {'; '.join(told)}")
