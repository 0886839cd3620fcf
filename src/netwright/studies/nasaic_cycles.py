"""Modelled cycles of the study nasaic beside those of simulated Verilog."""

from __future__ import annotations

from itertools import product

import numpy as np

from netwright import arch, backends, cost, mapping, workload
from netwright.backends import arrays
from netwright.formats import Int
from netwright.ir import AttrValue, Graph, Node, TensorType, interpret
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, data

PIXELS, CHANNELS, SIDES = (4, 9, 25, 64), (8, 24, 40), (5, 16)
"""Rows, terms and features of the products whose cycles are simulated."""

LAYERS = (
    (1, 2, 4, 1, 1), (1, 2, 4, 1, 2), (2, 2, 4, 1, 4), (1, 2, 5, 3, 1), (1, 2, 5, 3, 3),
    (1, 2, 6, 3, 9), (1, 3, 7, 3, 3), (2, 2, 5, 3, 6), (2, 3, 6, 3, 18), (2, 2, 7, 3, 9),
    (3, 2, 5, 2, 4), (3, 2, 6, 2, 12), (1, 2, 8, 2, 4), (2, 2, 8, 2, 2), (1, 4, 8, 3, 3),
    (4, 2, 4, 3, 12), (2, 4, 6, 1, 2), (3, 3, 5, 1, 3), (1, 2, 9, 3, 9), (2, 2, 9, 2, 8),
)  # fmt: skip
"""Layers of streams: input and output channels, side and filter, and the reuse factor."""


def rank_correlation(context: Context) -> Finding:
    """Spearman's coefficient of the systolic engine's cycles and those of simulated Verilog."""
    simulated, counted, _ = _products(context)
    equal = sum(a == b for a, b in zip(simulated, counted, strict=True))
    return _ranked(counted, simulated, f"{equal} of {len(counted)} are equal")


def template_rank_correlation(context: Context) -> Finding:
    """Likewise of the weight-stationary template's cycles, without fill and drain."""
    simulated, _, modelled = _products(context)
    return _ranked(modelled, simulated, "a template of 32 x 8 elements, without fill and drain")


def stream_rank_correlation(context: Context) -> Finding:
    """Likewise of products over pixels times reuse factors, and of designs of streams."""
    simulated, modelled = [], []
    for number, (channels, features, side, taps, reuse) in enumerate(LAYERS):
        graph = _convolution(channels, features, side, taps)
        made = backends.rtl(reuse_factor=reuse).generate(graph, context.folder / f"layer{number}")
        assert isinstance(made, backends.StreamDesign)
        rows = {"x": np.random.default_rng(0).integers(-8, 8, (8, channels, side, side)) / 8.0}
        found = made.run(rows)  # refuses a simulation whose clocks are not those of its schedule
        wanted = interpret(graph, rows)
        assert all((found[name] == codes).all() for name, codes in wanted.items())
        simulated.append(made.interval_cycles)
        modelled.append(max((side - taps + 1) ** 2 * reuse, side**2))
    equal = sum(a == b for a, b in zip(simulated, modelled, strict=True))
    return _ranked(modelled, simulated, f"clocks between images; {equal} are equal")


def _convolution(channels: int, features: int, side: int, taps: int) -> Graph:
    """A convolution of 4-bit codes, without padding."""
    out = side - taps + 1
    weights = np.random.default_rng(1).integers(-8, 8, (features, channels, taps, taps))
    types = {
        "x": TensorType((1, channels, side, side)),
        "codes": TensorType((1, channels, side, side), Int(4), (0.125,)),
        "weights": TensorType(weights.shape, Int(4), (1.0,)),
        "y": TensorType((1, features, out, out), Int(16), (0.125,)),
    }
    grid: dict[str, AttrValue] = {"scale": (0.125,), "low": -8, "high": 7, "rounding": "half-even"}
    walk: dict[str, AttrValue] = {
        "strides": (1, 1),
        "pads": (0,) * 4,
        "dilations": (1, 1),
        "group": 1,
    }
    nodes = (
        Node("quantize", "Quantize", ("x",), "codes", grid),
        Node("conv", "Conv", ("codes", "weights"), "y", walk),
    )
    return Graph("layer", ("x",), ("y",), nodes, types, {"weights": weights})


def _products(context: Context) -> tuple[list[int], list[int], list[int]]:
    """Clocks of products: simulated, of the systolic engine, and of the template.

    An element holds four weights and takes four clocks for them, so that eight rows of elements
    work on 32 terms: the template has as many elements along its channels.
    """
    array = arrays.NMArray(8, 8, kept=4, group=8)
    design = array.generate(context.folder / "array")
    size = arch.Sized(str(data("nasaic", "array.toml")), 256, 64e9, 1 << 24)
    found: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows, terms, features in product(PIXELS, CHANNELS, SIDES):
        x, w = np.ones((rows, terms), int), np.ones((terms, features), int)
        found[0].append(design.simulate(x, w, stationary="weight", dense=True).cycles)
        found[1].append(array.cycles(rows, terms, features, stationary="weight", dense=True))
        b = workload.Builder("product")
        own = b.finish(b.linear(b.input((rows, terms)), features))
        shape, _ = cost.dataflows.shape_of(mapping.operation(own, own.einsums[0]))
        work = cost.dataflows.work(shape, size)
        found[2].append(work.cycles if work else 0)
    return found


def _ranked(modelled: list[int], simulated: list[int], remark: str) -> Finding:
    """Spearman's coefficient; equal values share the mean of their ranks."""
    ranks = []
    for values in (np.array(modelled), np.array(simulated)):
        ranks.append([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])
    rho = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    told = f"{len(modelled)} layers, {min(simulated)} to {max(simulated)} clocks; {remark}"
    return Finding(Quantity(rho, "", "Verilator beside our cycles", "simulated"), remark=told)
