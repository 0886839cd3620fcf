"""Single upsets of weight bits of the study ``econ-t``, and which of them must be held three times.

Every bit of the trained encoders is flipped in the exact integer graph, and the wafers behind the
decoder are compared by their energy mover's distance. Orders of bits are made from other wafers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright import compress
from netwright.compress import (
    BitOrder,
    bit_curvature,
    bits_needed,
    by_growth,
    ordered_bits,
    output_growth,
    worst_unprotected,
)
from netwright.files import write_npz
from netwright.ir import Graph
from netwright.quantities import Quantity
from netwright.reading import read_arrays
from netwright.studies.claims import Finding
from netwright.studies.econ_t_networks import UPSET_SEEDS, Emd, task_of, tuned
from netwright.studies.study import Context
from netwright.tasks import wafer_emd
from netwright.train import find_loss
from netwright.verify import WeightBit, WeightUpsets, weight_bits, weight_harms

LINKS = 5
TEST_WAFERS, RANKING_WAFERS, PROBES = 24, 128, 32
SIMPLE: tuple[BitOrder, ...] = ("magnitude", "position", "random")
DERIVED: tuple[BitOrder, ...] = ("hessian", "second-order", "gradient")
OUTPUTS, BEST = "second order in the outputs", "the harm itself"
Fronts = Mapping[str, NDArray[np.float64]]
ORDERS = (OUTPUTS, *DERIVED, *SIMPLE, BEST)
LIMITS = (1.05, 1.01)
"""Worst mean distances after one upset, over that without one."""


def fronts(context: Context, layout: str, seed: int) -> Fronts:
    """By order, what one upset can still do while its first k bits are held three times.

    The worst mean distance after an upset of another bit over that without one, for k from 0 to
    all; remembered on disk.
    """
    path = context.folder / "upsets" / f"{layout}-{seed}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, _fronts(context, layout, seed))
    return read_arrays(path)


def _fronts(context: Context, layout: str, seed: int) -> dict[str, NDArray[np.float64]]:
    task = task_of(context, layout=layout)
    net = tuned(context, LINKS, layout, (seed,))[seed].eval()
    assert isinstance(net, compress.PartlyQuantized)
    graph, decoder = compress.wafer_graph(net), copy.deepcopy(net.get_submodule("model.decoder"))
    scale = graph.types[graph.outputs[0]].scale[0]
    random = np.random.default_rng(seed)
    rows = random.permutation(len(task.test))[:TEST_WAFERS]
    others = random.permutation(len(task.train))[:RANKING_WAFERS]
    bits, targets = weight_bits(graph), task.test.targets[rows]
    upsets = WeightUpsets(graph, task.test.inputs[rows])

    @torch.no_grad()
    def decoded(codes: NDArray[np.int64]) -> Emd:
        found: Emd = decoder(torch.from_numpy((codes * scale).astype(np.float32))).numpy()
        return found

    each = wafer_emd(targets, decoded(upsets.golden))

    def mean(codes: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.tile(each, (len(codes), 1))
        number, wafer = np.nonzero((codes != upsets.golden).any(axis=-1))
        found[number, wafer] = wafer_emd(targets[wafer], decoded(codes[number, wafer]))
        return found.mean(axis=1)

    golden, log = float(each.mean()), context.folder / "upsets" / f"{layout}-{seed}.jsonl"
    harm = weight_harms(upsets, bits, mean, name=f"mean EMD, seed {seed}", log=log)
    twin = copy.deepcopy(decoder).double()
    orders = _orders(graph, twin, task.train.inputs[others], task.train.targets[others], seed)
    orders[BEST] = by_growth(bits, np.array([harm[bit] for bit in bits]))
    return {n: worst_unprotected(o, harm, golden) / golden for n, o in orders.items()}


def _orders(
    graph: Graph, decoder: nn.Module, inputs: Emd, targets: Emd, seed: int
) -> dict[str, tuple[WeightBit, ...]]:
    """All orders that do not try every bit on the wafers that are judged."""
    wanted = torch.from_numpy(targets).double()

    def loss(outputs: Tensor) -> Tensor:
        return find_loss("telescope")(decoder(outputs), wanted)

    bits = weight_bits(graph)
    growth = output_growth(WeightUpsets(graph, inputs), bits, loss)
    found = bit_curvature(graph, inputs, loss, probes=PROBES, seed=seed)
    orders = {OUTPUTS: by_growth(bits, np.abs(growth))}
    for name in (*DERIVED, *SIMPLE):
        orders[name] = ordered_bits(graph, name, found=found, seed=seed)
    return orders


def _needed(context: Context, limit: float) -> tuple[dict[str, list[int]], str]:
    """Bits that each order needs, by seed, and how that was found."""
    found = [fronts(context, "8x8", seed) for seed in UPSET_SEEDS["8x8"]]
    bits = len(found[0][BEST]) - 1
    source = f"each of {bits} bits flipped in {len(found)} graphs, {TEST_WAFERS} wafers"
    return {n: [bits_needed(f[n], limit) for f in found] for n in ORDERS}, source


def _over_simple(limit: float, context: Context) -> Finding:
    """Bits needed by the order from the outputs on, over the best of the simple orders."""
    needed, source = _needed(context, limit)
    ratios = np.array(needed[OUTPUTS]) / np.min([needed[name] for name in SIMPLE], axis=0)
    remark = "; ".join(f"{name} {', '.join(map(str, found))}" for name, found in needed.items())
    mean, deviation = float(ratios.mean()), float(ratios.std())
    return Finding(Quantity(mean, "", source, "measured", deviation), remark=remark)


protected_bits, protection_in_full = (partial(_over_simple, limit) for limit in LIMITS)
