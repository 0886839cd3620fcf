"""Train the jet tagger of `rtl_hgq.py` with HGQ2 and write it to `benchmarks/data`.

16-64-32-32-5, a width of its own for every weight and every activation, which HGQ2 learns; the
penalty on effective bit operations rises until the accuracy is around 75 to 76 %. Run again with

    KERAS_BACKEND=torch .venv/bin/python benchmarks/hgq_train.py

(minutes of one core; the result depends on the versions of torch, keras and hgq2).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keras
import numpy as np
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs

from netwright import tasks

FILE = Path(__file__).parent / "data" / "jets_hgq2.keras"
EPOCHS = 150
BATCH = 1024
FIRST_BETA, LAST_BETA = 5e-7, 6e-6
SEED = 7


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
    return float(np.mean(found.argmax(axis=1) == split.labels))


def beta(epoch: int) -> float:
    """The weight of the bit operations, rising."""
    share = min(epoch / (0.8 * EPOCHS), 1.0)
    return FIRST_BETA * (LAST_BETA / FIRST_BETA) ** share


def main() -> None:
    """Train, find the integer bits, write the file and print what it reaches."""
    keras.utils.set_random_seed(SEED)
    task = tasks.jets(seed=SEED)
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * len(task.train) // BATCH, 0.02)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    start = time.process_time()

    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            print(epoch, f"{accuracy(model, task.validation):.4f}", logs, flush=True)

    model.fit(
        task.train.inputs, task.train.labels, batch_size=BATCH, epochs=EPOCHS, verbose=0,
        callbacks=[BetaScheduler(beta), FreeEBOPs(), Told()],
    )  # fmt: skip
    ebops = trace_minmax(model, task.train.inputs)
    bare = network()
    bare.set_weights(model.get_weights())  # without the optimizer's state
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    bare.save(file)
    print(
        f"{file}: {file.stat().st_size} bytes, {ebops} EBOPs, accuracy "
        f"{accuracy(bare, task.validation):.4f} (validation) {accuracy(bare, task.test):.4f} "
        f"(test), {time.process_time() - start:.0f} CPU s"
    )


if __name__ == "__main__":
    main()
