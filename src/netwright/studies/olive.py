"""Functions that check the claims in ``olive.toml``, one for each id."""

from __future__ import annotations

import numpy as np

from netwright import compress
from netwright.backends import arrays
from netwright.compress import Choice
from netwright.formats import OutlierPairs, stored
from netwright.kernels import coded_product, encode_inputs, encode_weights
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted
from netwright.studies.olive_figures import TEST, compare, paired, shares
from netwright.studies.olive_networks import ANT, FOUR, LAYERS, PAIRS, REAL, TUNED, right, subject

CHOICES = tuple(Choice(name, 4) for name in ("outlier", "mx", "nvfp4"))
BITS, TOY = 4.25, "a small encoder on made-up sentences"


def largest_outlier(context: Context) -> Finding:
    """The largest outlier beside int4."""
    return Finding(Quantity(OutlierPairs().max, "", "netwright.formats", "modelled"))


def largest_product(context: Context) -> Finding:
    """Of two outliers beside flint4."""
    peak = OutlierPairs("flint4").max
    return Finding(Quantity(peak * peak, "", "netwright.formats", "modelled"))


def byte_pairs(context: Context) -> Finding:
    """Pairs of bytes whose product by the kernel is that of the decoded values."""
    pairs = OutlierPairs("flint4")
    values = pairs.table[[byte for byte in range(256) if byte not in (0x80, 0x08, 0x88)]]
    weights, inputs = encode_weights(values, pairs), encode_inputs(values.T, pairs)
    equal = coded_product(weights, inputs) == values.astype(np.int64) @ values.T.astype(np.int64)
    return Finding(Quantity(int(equal.sum()), "pairs", "exhaustive", "measured"))


def stored_bits(context: Context) -> Finding:
    """Bits of a weight with what says where outliers are."""
    fits = compress.quantizer("outlier", 4)
    values = np.random.default_rng(0).normal(size=(64, 64))
    found = stored(fits.fit(values, channel_axis=0, group_axis=1), values.shape)
    return Finding(Quantity(found.num_bits / values.size, "bits", "stored", "modelled"))


def format_choice(context: Context) -> Finding:
    """Predicted growth of the loss of the best single format over that of the chosen formats."""
    model, task = subject(context)
    layers = compress.module_sensitivity(
        model, task, widths=CHOICES, layers=LAYERS, probes=8, rows=32
    )
    budget = compress.weight_bits(BITS * sum(layer.shape.weights for layer in layers))
    found = compress.allocate(
        layers, [budget], weight_bits=CHOICES, residual=1.0,
        activations=compress.FreeActivations(CHOICES),
    )  # fmt: skip
    single = {
        str(one): sum(layer.weight.growth(one) + layer.activation.growth(one) for layer in layers)
        for one in CHOICES if one.stored_bits <= BITS
    }  # fmt: skip
    kinds = [name for layer in found.plan.layers for name in (layer.weights, layer.inputs)]
    remark = ", ".join(f"{kinds.count(one.quantizer)} {one.quantizer}" for one in CHOICES)
    remark += f"; proven optimal: {found.is_proven}"
    ratio = min(single.values()) / max(found.objective, 1e-12)
    return Finding(
        Quantity(ratio, "x", "allocation", "modelled"),
        remark,
        TOY if context.profile == "smoke" else "",
    )


def two_outliers(context: Context) -> Finding:
    """Percent of the pairs of weights with two outliers, all tensors together."""
    found = shares()
    share = 100 * float(np.mean([item.two for item in found.values()]))
    worst = max(found, key=lambda name: found[name].two)
    remark = f"most in {worst}: {100 * found[worst].two:.2f} %; mean over tensors"
    return Finding(Quantity(share, "%", "weights of MiniLM-L6", "measured"), remark)


def lost_outliers(context: Context) -> Finding:
    """Percent of the outliers of weights that are lost to an outlier beside them."""
    lost = {name: 100 * item.lost for name, item in shares().items()}
    worst = max(lost, key=lambda name: lost[name])
    remark = f"from {min(lost.values()):.2f} to {lost[worst]:.2f} % ({worst}), by tensor"
    mean = float(np.mean(list(lost.values())))
    return Finding(Quantity(mean, "%", "weights of MiniLM-L6", "measured"), remark)


def post_training(context: Context) -> Finding:
    """Points that fp32 is better than pairs in four bits, weights and activations."""
    return compare(context, REAL, PAIRS)


def trained_on(context: Context) -> Finding:
    """The same after quantization-aware training."""
    return compare(context, REAL, TUNED)


def clipped_integers(context: Context) -> Finding:
    """Points that pairs are better than integers of least squared error."""
    return compare(context, PAIRS, "W4A4 mse")


def largest_integers(context: Context) -> Finding:
    """Points that pairs are better than integers that clip nothing."""
    return compare(context, PAIRS, "W4A4 absmax")


def flints(context: Context) -> Finding:
    """Points that pairs are better than the better of integers and flints."""
    return compare(context, PAIRS, f"W4A4 {ANT}")


def best_of_four_bits(context: Context) -> Finding:
    """Points that pairs are better than the best other quantizer of four bits."""
    others = {f"W4A4 {name}": right(context, f"W4A4 {name}") for name in FOUR if "out" not in name}
    best = max(others, key=lambda name: float(others[name].mean()))
    mean, error, text = paired(right(context, PAIRS), others[best])
    shown = ", ".join(f"{name[5:]} {100 * float(a.mean()):.1f}" for name, a in others.items())
    remark = f"the best other is {best}; {text}; percent right: {shown}"
    return Finding(Quantity(mean, "points", TEST, "measured", error), remark)


def decoder_share(context: Context) -> Finding:
    """Percent of the area of an array of 32 by 32 elements that its decoders take.

    Raises:
        ToolMissing: The cells are not installed.
    """
    design = arrays.OutlierArray(32, 32).generate(context.folder / "array")
    share = 100 * design.count("nangate45").share("ovp_border")
    return Finding(Quantity(share, "%", "Yosys, Nangate 45 nm", "modelled"))


def language_model(context: Context) -> NotAttempted:
    """Needs a decoder."""
    return NotAttempted("the models and texts of the paper cannot be installed offline")


def gpu(context: Context) -> NotAttempted:
    """Needs their simulator."""
    return NotAttempted("needs a simulated GPU with their instruction")
