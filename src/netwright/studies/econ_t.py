"""Functions that check the claims in ``econ_t.toml``, one for each id, by public names only."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from netwright import compress, models, tasks
from netwright.ir import Interpreter
from netwright.quantities import Quantity
from netwright.studies import Context, Finding
from netwright.studies.econ_t_hardware import (  # noqa: F401  claims, too
    chip_words,
    graph_engine,
    latency,
    triplication_area,
    upsets,
)
from netwright.studies.econ_t_networks import (
    LAYOUT,
    LINKS,
    SOURCE,
    Emd,
    code_distances,
    converted,
    crowded,
    floats,
    network_distances,
    tuned_distances,
)
from netwright.studies.econ_t_regions import regions  # noqa: F401  a claim, too
from netwright.studies.econ_t_upsets import protected_bits, protection_in_full  # noqa: F401
from netwright.tasks import (
    CODES,
    LATENT_BITS,
    LINK_BITS,
    wafer_emd,
    window_weights,
)


def _ratio(ours: Emd, theirs: Emd, remark: str) -> Finding:
    """Mean distance of the networks over that of a code, wafer by wafer drawn again."""
    known, rng = theirs >= 0, np.random.default_rng(0)
    means, other = ours[:, known].mean(axis=0), theirs[known]
    draws = rng.integers(len(other), size=(500, len(other)))
    error = float((means[draws].mean(axis=1) / other[draws].mean(axis=1)).std())
    ratio = Quantity(float(means.mean() / other.mean()), "", SOURCE, "measured", error)
    each = ", ".join(f"{row.mean():.3f}" for row in ours[:, known])
    return Finding(ratio, remark=f"{each} by seed against {other.mean():.3f}; {remark}")


def _best_choice(links: int, context: Context) -> Finding:
    rows, codes = crowded(context), code_distances(context, links)
    remark = ", ".join(f"{name} {emd[rows & (emd >= 0)].mean():.3f}" for name, emd in codes.items())
    return _ratio(tuned_distances(context, links)[:, rows], codes["best choice"][rows], remark)


def _super_cells(links: int, context: Context) -> Finding:
    codes = {n: e for n, e in code_distances(context, links).items() if n.startswith("super")}
    name = min(codes, key=lambda name: codes[name].mean())
    return _ratio(tuned_distances(context, links), codes[name], name)


best_choice_2_links, best_choice_3_links = partial(_best_choice, 2), partial(_best_choice, 3)
super_cells_2_links, super_cells_5_links = partial(_super_cells, 2), partial(_super_cells, 5)


def linear_code(context: Context) -> Finding:
    """Largest ratio over the modes."""

    def ratio(links: int) -> Finding:
        linear = code_distances(context, links)["linear"]
        return _ratio(tuned_distances(context, links), linear, f"{links} links")

    return max(map(ratio, LINKS), key=lambda finding: finding.ours.value)


def quantization(context: Context) -> Finding:
    """Growth of the mean distance from floating point to the published widths."""
    real = network_distances(context, "float", lambda: floats(context)).mean()
    after = {n: tuned_distances(context, n).mean() for n in LINKS}
    plain = network_distances(context, "ptq-5", lambda: converted(context, 5)).mean()
    growth = [100 * (value / real - 1) for value in (after[5], plain)]
    modes = ", ".join(f"{n} links {value:.3f}" for n, value in after.items())
    remark = f"float {real:.3f}, {modes}; without training {growth[1]:+.1f} %"
    return Finding(Quantity(float(growth[0]), "%", SOURCE, "measured"), remark=remark)


def integers(context: Context) -> Finding:
    """Share of wafers whose codes in the graph are those of the training."""
    task = tasks.calorimeter(layout=LAYOUT).subset(2000)
    net = compress.quantize_wafer_encoder(models.wafer_autoencoder(task), task)
    graph, inputs = compress.wafer_graph(net), task.test.inputs
    found = Interpreter.of(graph).run({graph.inputs[0]: inputs})[graph.outputs[0]]
    with torch.no_grad():
        same = (np.asarray(net.quantized.codes(torch.from_numpy(inputs))) == found).all(axis=1)
    return Finding(Quantity(float(same.mean()), "", f"{len(same)} wafers", "measured"))


def _parameters(layout: str, context: Context) -> Finding:
    net = models.wafer_autoencoder(tasks.calorimeter(layout=layout).subset(1))
    return _counted(sum(p.numel() for p in net.encoder.parameters()), "parameters", "the encoder")


def _counted(value: float, unit: str, source: str) -> Finding:
    return Finding(Quantity(value, unit, source, "modelled"))


parameters_4x4, parameters_8x8 = partial(_parameters, "4x4x3"), partial(_parameters, "8x8")


def header(context: Context) -> Finding:
    """Bits of the links that the values do not take."""
    (left,) = {LINK_BITS * links - CODES * bits for links, bits in LATENT_BITS.items()}
    return _counted(left, "bits", "netwright.tasks.calorimeter_charges")


def energy(context: Context) -> Finding:
    """Power times the time between crossings."""
    return _counted(95e-3 * 25e-9 * 1e9, "nJ", "95 mW × 25 ns")


def telescope_weights(context: Context) -> Finding:
    """Sum of the published weights."""
    published, own = (float(window_weights(n).sum()) for n in ("published", "consistent"))
    found = _counted(round(published, 9), "", "netwright.tasks.telescope")
    return Finding(found.ours, remark=f"the consistent weights add up to {own:g}")


def neighbor_distance(context: Context) -> Finding:
    """Distance of a wafer with one occupied cell from that with its neighbor occupied."""
    moved = round(float(wafer_emd(np.eye(48)[:1], np.eye(48)[1:2])[0]), 9)
    return _counted(moved, "sensor cells", "netwright.tasks.calorimeter")
