"""Functions that check the claims in ``hawq.toml``, one for each id, by public names only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from statistics import fmean

from netwright import backends, compress, exchange, explore, models, tasks, train, verify
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, percent, points

SEARCHED_BITS, SEEDS = (4, 5, 6, 7, 8), (7, 8, 9)
SHAPES = tuple(
    compress.LayerShape(f"fc{i + 1}", inputs, outputs, 1, inputs * outputs)
    for i, (inputs, outputs) in enumerate(pairwise((16, 64, 32, 32, 5)))
)


def _floats(context: Context) -> tuple[tasks.Task, list[models.Network], list[float]]:
    """The task, the float network of every seed and its test accuracies; trained once."""
    seeds, epochs = (SEEDS, 40) if context.profile == "full" else (SEEDS[:1], 3)
    task, folder = tasks.jets(), context.folder / f"float-{context.profile}"
    networks = {seed: models.mlp(task, seed=seed) for seed in seeds}
    recipe = train.Recipe(epochs=epochs, batch_size=1024, learning_rate=4e-3)
    records = train.fit_seeds(networks, task, folder=folder, recipe=recipe)
    return task, list(networks.values()), [float(r["test"]) for r in records.values()]


def _front(context: Context, *candidates: compress.Candidate) -> tuple[compress.FrontPoint, ...]:
    (task, nets, _), path = _floats(context), context.folder / "front"
    return explore.plans.sweep(nets, task, candidates, SHAPES, epochs=20, seeds=SEEDS, folder=path)


def _uniform(bits: int, *, inputs: int) -> compress.Candidate:
    plan = compress.uniform(SHAPES, weight_bits=bits, activation_bits=bits, input_bits=inputs)
    return compress.Candidate("uniform", f"w{bits}a{bits} in{inputs}", plan)


def _bops(weights: int, activations: int, inputs: int, context: Context) -> Finding:
    reads = (inputs, activations, activations, activations)
    total = sum(compress.layer_bops(s, weights, a) for s, a in zip(SHAPES, reads, strict=True))
    return Finding(Quantity(total, "BOPs", "netwright.compress.layer_bops", "modelled"))


bops_w4a7, bops_w5a8, bops_w6a9, bops_w7a10, bops_w8a11 = (
    partial(_bops, bits, bits + 3, 16) for bits in SEARCHED_BITS
)
bops_fp32 = partial(_bops, 32, 32, 32)
bops_uniform_4, bops_uniform_6, bops_uniform_8 = (partial(_bops, n, n, n) for n in (4, 6, 8))


def float_accuracy(context: Context) -> Finding:
    """Mean test accuracy of the float network."""
    return Finding(percent(_floats(context)[2], "test, 3 seeds"))


def uniform_6_accuracy(context: Context) -> Finding:
    """Mean test accuracy with 6-bit weights and activations and, as in the source, 16-bit input."""
    return Finding(percent(_front(context, _uniform(6, inputs=16))[0].accuracies, "test, 3 seeds"))


def uniform_6_loss(context: Context) -> Finding:
    """Float accuracy minus that of 6 bits everywhere, the input included."""
    lost = fmean(_floats(context)[2]) - _front(context, _uniform(6, inputs=6))[0].accuracy
    return Finding(points(lost, "means over 3 seeds"))


def _optimum(
    context: Context, limit: float, bits: Sequence[int], rule: compress.Activations, residual: float
) -> compress.Allocation:
    task, networks, _ = _floats(context)
    layers = compress.sensitivity(
        networks[0], task, weight_bits=bits, activation_bits=range(3, 17), relative_error=0.05
    )
    most = (compress.bops(limit),)
    return compress.allocate(layers, most, weight_bits=bits, activations=rule, residual=residual)


def allocation_350k(context: Context) -> Finding:
    """BOPs of the optimal plan in the published space (4 to 8 bits, activations 3 bits wider)."""
    found = _optimum(context, 350_000, SEARCHED_BITS, compress.TiedActivations(), residual=1.0)
    ours = Quantity(found.costs["bops"], "BOPs", "optimum proven by HiGHS", "modelled")
    return Finding(ours, remark=f"weights of {', '.join(map(str, found.plan.weight_bits))} bits")


def mixed_beats_uniform(context: Context) -> Finding:
    """Test accuracy of the Hessian-aware plan minus that of 4 bits everywhere, at equal BOPs."""
    free = compress.FreeActivations(bits=range(3, 9), input_bits=range(3, 11))
    plan = _optimum(context, 124_448, range(2, 9), free, compress.RESIDUAL).plan
    mixed = compress.Candidate("hawq", "hawq 124448", plan)
    ours, uniform = _front(context, mixed, _uniform(4, inputs=4))
    told = f"{ours.accuracy:.2%} ({plan}) against {uniform.accuracy:.2%}"
    return Finding(points(ours.accuracy - uniform.accuracy, "means over 3 seeds"), remark=told)


def hutchinson_error(context: Context) -> Finding:
    """Largest relative standard error of the four traces with 200 probes on 8192 jets."""
    layers = compress.sensitivity(_floats(context)[1][0], tasks.jets(), probes=200)
    worst = max(layer.weight.trace.relative_error for layer in layers)
    return Finding(Quantity(worst, "", "200 probes a layer, 8192 jets", "measured"))


def _tuned(context: Context, scale: compress.ScaleKind) -> tuple[tasks.Task, train.QuantModel]:
    task, networks, _ = _floats(context)
    plan = _uniform(6, inputs=8).plan.with_rules(scale=scale, granularity="tensor")
    short = train.Recipe(epochs=5, learning_rate=1e-3)
    return task, compress.finetune(networks[0], plan, task, recipe=short)


def naive_conversion(context: Context) -> Finding:
    """Accuracy before minus accuracy after plain hls4ml conversion of a float-scale model."""
    (task, model), path = _tuned(context, "float"), context.folder / "float-scales.onnx"
    exchange.write_qonnx(train.trace_quantized(model, name="naive"), path)
    logits = backends.plain_outputs(path, task.test.inputs, context.folder / "plain")
    before, after = train.evaluate(model, task), task.evaluate(logits)
    how = f"hls4ml {version('hls4ml')}, fixed<16,6>, g++ emulation"
    return Finding(points(before - after, how), remark=f"{before:.3f} before, {after:.3f} after")


def _identical(make: Callable[[], backends.Backend], how: str, context: Context) -> Finding:
    task, model = _tuned(context, "float")
    design = make().generate(train.trace(model, name="exact"), context.folder / how.split()[0])
    found = verify.bit_exact(design.graph, design, task.test.inputs)
    share = Quantity(found.identical / found.rows, "", how, "simulated")
    return Finding(share, remark=f"{found.identical} of {found.rows} test rows")


exact_conversion = partial(_identical, backends.hls, "g++ emulation")
rtl_conversion = partial(_identical, backends.rtl, "Verilator simulation")


def _unrolled(context: Context) -> backends.RtlDesign:
    graph = train.trace(_tuned(context, "power-of-two")[1], name="unrolled")
    return backends.rtl(part="xcup", adders_per_stage=4).generate(graph, context.folder / "rtl")


def rtl_proof(context: Context) -> Finding:
    """Share of the sums, roundings and limits of a 6-bit network that hold for every input."""
    made = _unrolled(context)
    sums, elements = made.prove(), made.prove_elements(timeout_s=3600.0)
    held = [*(proof.holds for proof in sums), *(proof.holds for proof in elements)]
    return Finding(Quantity(fmean(held), "", f"{len(held)} proofs", "measured"))


def rtl_luts(context: Context) -> Finding:
    """Lookup tables of the 6-bit network, unrolled and without multipliers."""
    return Finding(_unrolled(context).measure(timeout_s=7200.0).lut)
