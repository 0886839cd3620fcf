"""Functions that check the claims in ``nm_training.toml``, by public names only."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import hypot, prod
from statistics import fmean

import numpy as np
import torch

from netwright import arch, compress, models, tasks, train
from netwright.cost import training
from netwright.formats import NM, Float, Format, stored
from netwright.ir import Interpreter
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, average
from netwright.studies.nm_training_networks import METHODS, PATTERNS, SEEDS, Loss, loss
from netwright.studies.nm_training_steps import BATCH, NETWORKS, steps

TWO_OF_EIGHT = NM(2, 8)
MODEL = f"netwright.cost.training, {BATCH} images of 224 x 224"


def _share(method: str) -> float:
    """Share of the multiplications of a sparse layer that a method leaves, from its masks."""
    task = tasks.jets().subset(256)
    keep = train.KeepNM(TWO_OF_EIGHT, method=method)  # type: ignore[arg-type]
    train.fit(models.mlp(task), task, callbacks=[keep], epochs=1, batch_size=128)
    layer = next(layer for layer in keep.macs if layer.path in keep.sparse)
    return layer.done / (3 * layer.dense)


def macs_bdwp(context: Context) -> Finding:
    """Counted on a layer of the jet tagger."""
    return Finding(Quantity(_share("bdwp"), "", "masks of a training", "measured"))


def macs_others(context: Context) -> Finding:
    """The largest share; all three are in the remark."""
    found = {method: _share(method) for method in ("sr-ste", "sdgp", "sdwp")}
    remark = ", ".join(f"{name} {share:g}" for name, share in found.items())
    return Finding(Quantity(max(found.values()), "", "masks of a training", "measured"), remark)


def compact(context: Context) -> Finding:
    """Dense bits over those of the compact form."""
    shape = (TWO_OF_EIGHT.group, 1)
    bits = [stored(Format(Float(16), pattern=p), shape).num_bits for p in (None, TWO_OF_EIGHT)]
    ours = Quantity(bits[0] / bits[1], "", "netwright.formats.stored", "modelled")
    return Finding(ours, remark=f"{bits[1]} of {bits[0]} bits")


def pattern_kept(context: Context) -> Finding:
    """Trained in floating point and quantized, then traced."""
    task = tasks.jets().subset(1000)
    model, keep = models.mlp(task), train.KeepNM(TWO_OF_EIGHT)
    train.fit(model, task, callbacks=[keep], epochs=1)
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=6, activation_bits=6)
    tuned = compress.finetune(model, plan.with_patterns(keep.sparse), task, epochs=1)
    graph, inputs = train.trace(tuned), task.test.inputs
    found = Interpreter.of(graph).run({graph.inputs[0]: inputs})[graph.outputs[0]]
    with torch.no_grad():
        codes = tuned.codes(torch.from_numpy(inputs))
    same = float((np.asarray(codes) == found).all(axis=1).mean())
    patterns = [known.pattern for known in graph.types.values() if known.pattern is not None]
    ours = Quantity(same, "", f"{len(inputs)} jets", "measured")
    return Finding(ours, remark=f"{len(patterns)} layers of {patterns[0]}")


def peak(context: Context) -> Finding:
    """Two operations an element and cycle."""
    machine = training.Machine.of(arch.find("sat"))
    flops = 2 * prod(machine.array) * machine.clock_hz / 1e9
    return Finding(Quantity(flops, "GFLOP/s", "arch/library/sat.toml", "assumed"))


def speed_up(context: Context) -> Finding:
    """With all techniques, against dense training with all techniques but the zeros."""
    found = {network: steps(network)[-1][1] for network in NETWORKS}
    ours, remark = average(list(found.values()), "", MODEL)
    each = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    return Finding(ours, remark=f"{each}; {remark}; 2.0 is the bound")


def bound(context: Context) -> Finding:
    """The largest of the four."""
    most = max(steps(name)[-1][1] for name in NETWORKS)
    return Finding(Quantity(most, "", MODEL, "modelled"))


def ablation(context: Context) -> Finding:
    """The smallest gain of a technique over the step before it."""
    mean = [fmean(steps(name)[at][0] for name in NETWORKS) for at in range(len(training.ABLATION))]
    gains = [before / after for before, after in pairwise(mean)]
    told = zip((name for name, _ in training.ABLATION[1:]), gains, strict=True)
    remark = f"from {mean[0]:.2f} s: " + ", ".join(f"{name} x {gain:.3f}" for name, gain in told)
    return Finding(Quantity(min(gains), "", MODEL, "modelled"), remark=remark)


def _finding(found: Loss, unit: str, remark: str) -> Finding:
    ours = Quantity(found.mean, unit, f"test split, {len(SEEDS)} seeds", "measured", found.half)
    remark += "; 95 % intervals over pairs of equal seeds"
    return Finding(ours, remark, "networks far smaller than the paper's")


def loss_average(context: Context) -> Finding:
    """Mean of both taggers."""
    small, wide = (loss(context, name, "bdwp", TWO_OF_EIGHT) for name in ("jets", "wide"))
    both = Loss((small.mean + wide.mean) / 2, hypot(small.half, wide.half) / 2, 0.0, small.macs)
    return _finding(both, "points", f"small {small}, wide {wide}")


def _beside(context: Context, task: str, methods: tuple[str, ...], pattern: NM) -> str:
    return ", ".join(f"{name} {loss(context, task, name, pattern)}" for name in methods)


def _of(task: str, unit: str, methods: tuple[str, ...], context: Context) -> Finding:
    found = loss(context, task, "bdwp", TWO_OF_EIGHT)
    return _finding(found, unit, _beside(context, task, methods, TWO_OF_EIGHT))


loss_wide = partial(_of, "wide", "points", ("bdwp", "sr-ste"))
autoencoder = partial(_of, "autoencoder", "%", METHODS)


def loss_tagger(context: Context) -> Finding:
    """Of the tagger 16-64-32-32-5, with the published decay beside none."""
    plain = _of("jets", "points", METHODS, context)
    faded = loss(context, "jets", "bdwp", TWO_OF_EIGHT, decay=2e-4)
    return Finding(plain.ours, f"with decay {faded}, {plain.remark}", plain.smaller_scale)


def patterns(context: Context) -> Finding:
    """Loss at 1:16 less that at 2:4."""
    ends = [loss(context, "jets", "bdwp", NM(*sizes)) for sizes in ((2, 4), (1, 16))]
    rows = [f"{p}: {_beside(context, 'jets', METHODS, p)}" for p in PATTERNS]
    apart = Loss(ends[1].mean - ends[0].mean, hypot(ends[0].half, ends[1].half), 0.0, 0.0)
    return _finding(apart, "points", "; ".join(rows))
