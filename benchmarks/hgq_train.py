"""Train the jet tagger of `rtl_hgq.py` with HGQ2 and write it to `benchmarks/data`.

16-64-32-32-5, a width of its own for every weight and every activation, which HGQ2 learns; the
penalty on effective bit operations rises until the accuracy is around 75 to 76 %. Run again with

    KERAS_BACKEND=torch .venv/bin/python benchmarks/hgq_train.py

(ten minutes of one core; the result depends on the versions of torch, keras and hgq2).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs

from netwright import tasks

FILE = Path(__file__).parent / "data" / "jets_hgq2.keras"
BATCH = 1024
SEED = 7


class Phase(NamedTuple):
    """One run of the optimizer: the rate falls to 2 %, the weight of the bit operations rises."""

    epochs: int
    rate: float
    betas: tuple[float, float]
    rising: float


PHASES = (Phase(150, 3e-3, (5e-7, 6e-6), 0.8), Phase(100, 2e-3, (6e-6, 6e-6), 1.0))


def network() -> keras.Model:
    """The network before training."""
    with (
        QuantizerConfigScope(place=("weight", "bias"), overflow_mode="SAT_SYM", b0=6, i0=0),
        QuantizerConfigScope(place="datalane", f0=4, i0=2),
    ):
        layers = [QDense(width, activation="relu", name=f"fc{number}")
                  for number, width in enumerate((64, 32, 32), 1)]  # fmt: skip
        layers.append(QDense(5, name="fc4"))
        return keras.Sequential([keras.Input((16,)), *layers], name="jets_hgq2")


def accuracy(model: keras.Model, split: tasks.Split) -> float:
    """Share of rows whose largest output is that of their class."""
    found = model.predict(split.inputs, batch_size=10_000, verbose=0)
    return float(np.mean(found.argmax(axis=1) == split.targets))


class Told(keras.callbacks.Callback):
    """Prints every epoch."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        print(epoch, logs, flush=True)


def train(model: keras.Model, task: tasks.Task, phase: Phase) -> int:
    """One phase; the effective bit operations that are left."""
    steps = phase.epochs * len(task.train) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(phase.rate, steps, 0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    first, last = phase.betas

    def beta(epoch: int) -> float:
        return first * (last / first) ** min(epoch / (phase.rising * phase.epochs), 1.0)

    model.fit(
        task.train.inputs, task.train.targets, batch_size=BATCH, epochs=phase.epochs, verbose=0,
        callbacks=[BetaScheduler(beta), FreeEBOPs(), Told()],
    )  # fmt: skip
    return trace_minmax(model, task.train.inputs)


def main() -> None:
    """Train, find the integer bits, write the file after every phase and print what it reaches.

    With the file of an earlier phase as the argument, only the later phases are run.
    """
    task, start = tasks.jets(seed=SEED), time.process_time()
    phases = PHASES[1:] if sys.argv[1:] else PHASES
    for phase in phases:
        keras.utils.set_random_seed(SEED)
        model = network()
        if phase is not PHASES[0]:
            before = sys.argv[1] if phase is phases[0] else FILE
            model.set_weights(keras.saving.load_model(before).get_weights())
        ebops = train(model, task, phase)
        bare = network()
        bare.set_weights(model.get_weights())  # without the optimizer's state
        bare.save(FILE)
        print(
            f"{FILE}: {FILE.stat().st_size} bytes, {ebops} EBOPs, accuracy "
            f"{accuracy(bare, task.validation):.4f} (validation) {accuracy(bare, task.test):.4f} "
            f"(test), {time.process_time() - start:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
