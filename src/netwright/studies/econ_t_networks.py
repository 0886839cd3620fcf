"""Networks of the study ``econ-t`` and their distances, each made once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netwright import compress, models, tasks, train
from netwright.files import write_npz
from netwright.reading import read_arrays
from netwright.studies.study import Context
from netwright.tasks import (
    LATENT_BITS,
    every_code,
    generate_calorimeter,
    occupancy,
    wafer_emd,
    wafers,
)

LAYOUT, SEEDS, LINKS = "4x4x3", (7, 8), tuple(LATENT_BITS)
UPSET_SEEDS = {"8x8": (*SEEDS, 9), LAYOUT: SEEDS}
LAYOUTS = tuple(UPSET_SEEDS)
WAFERS, TABLE_SEED, TEST_ROWS, CROWDED = 150_000, 11, 2500, 20
EPOCHS, TUNING = 20, 5
SOURCE = f"test split of {WAFERS} parametrised wafers, seeds {', '.join(map(str, SEEDS))}"
Emd = NDArray[np.float64]
Networks = Mapping[int, nn.Module]
Seeds = tuple[int, ...]


def table(context: Context) -> Path:
    """The wafers of the profile full, simulated once."""
    path = context.folder / "wafers.npz"
    if not path.exists():
        context.folder.mkdir(parents=True, exist_ok=True)
        generate_calorimeter(path, num_wafers=WAFERS, seed=TABLE_SEED)
    return path


def task_of(context: Context, region: str | None = None, *, layout: str = LAYOUT) -> tasks.Task:
    """All wafers, or those of a region."""
    return tasks.calorimeter(path=table(context), layout=layout, region=region)


def fit(context: Context, name: str, nets: Networks, epochs: int, rate: float, *,
         region: str | None = None, layout: str = LAYOUT) -> Networks:  # fmt: skip
    """Train networks and keep them, in place, or read those that are kept."""
    recipe = train.Recipe(epochs=epochs, batch_size=512, learning_rate=rate, warmup=0.02)
    task = task_of(context, region, layout=layout)
    folder = context.folder / (name if layout == LAYOUT else f"{name}-{layout}")
    train.fit_seeds(nets, task, folder=folder, recipe=recipe)
    return nets


def floats(context: Context, layout: str = LAYOUT,
           seeds: Seeds = SEEDS) -> dict[int, models.Autoencoder]:  # fmt: skip
    """Autoencoders in floating point, by seed."""
    task = task_of(context, layout=layout)
    nets = {seed: models.wafer_autoencoder(task, seed=seed) for seed in seeds}
    fit(context, "float", nets, EPOCHS, 6e-3, layout=layout)
    return nets


def converted(context: Context, links: int, layout: str = LAYOUT,
              seeds: Seeds = SEEDS) -> Networks:  # fmt: skip
    """The float encoders at the published widths, not trained further."""
    task, bits = task_of(context, layout=layout), LATENT_BITS[links]
    return {
        seed: compress.quantize_wafer_encoder(net, task, latent_bits=bits)
        for seed, net in floats(context, layout, seeds).items()
    }


def tuned(context: Context, links: int, layout: str = LAYOUT, seeds: Seeds = SEEDS) -> Networks:
    """The same after quantization-aware training."""
    nets = converted(context, links, layout, seeds)
    return fit(context, f"qat-{links}", nets, TUNING, 2e-3, layout=layout)


def distance(context: Context, name: str, decode: Callable[[], NDArray[np.floating]]) -> Emd:
    """The distance of every test wafer from what is decoded, remembered by name."""
    path = context.folder / "distances" / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, {"emd": wafer_emd(task_of(context).test.targets[:TEST_ROWS], decode())})
    return read_arrays(path)["emd"]


def network_distances(context: Context, name: str, make: Callable[[], Networks]) -> Emd:
    """Distances of the networks of all seeds, (seeds, wafers)."""

    def outputs(seed: int) -> NDArray[np.floating]:
        rows = torch.from_numpy(task_of(context).test.inputs[:TEST_ROWS])
        net = make()[seed].eval()  # trained here, where it is not yet
        with torch.no_grad():
            return net(rows).numpy()

    found = [distance(context, f"{name}-{s}", partial(outputs, s)) for s in SEEDS]  # fmt: skip
    return np.stack(found)


def code_distances(context: Context, links: int) -> dict[str, Emd]:
    """Distances of every code without a network at the bits of so many links."""
    parts = wafers(path=table(context))
    codes = every_code(parts["train"].charges, parts["test"].charges[:TEST_ROWS], links)
    return {
        name: distance(context, f"{name}, {links} links", partial(np.asarray, coded.cells))
        for name, coded in codes.items()
    }


def tuned_distances(context: Context, links: int) -> Emd:
    """Distances of the quantized networks of so many links."""
    return network_distances(context, f"qat-{links}", lambda: tuned(context, links))


def crowded(context: Context) -> NDArray[np.bool_]:
    """Test wafers with many occupied cells."""
    return occupancy(wafers(path=table(context))["test"].charges[:TEST_ROWS]) >= CROWDED
