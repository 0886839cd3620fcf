"""SmolLM2-135M in the banks of a memory: bits per character of the novels beside float32.

Every weight, key and value is read from its bank, row and column; products are those of the units
beside the banks, all else is the chip's. Each figure is kept in ``build/bench-banks`` as soon as it
is there, so that a run that was ended goes on where it was.

    python benchmarks/banks.py [ROWS] [TOKENS] [VARIANT ...]
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from netwright import arch
from netwright.compress import bits_in_banks, bits_with_interval
from netwright.files import write_npz
from netwright.ir import HostArithmetic
from netwright.models import smollm2, smollm2_novels
from netwright.passes import BankArithmetic
from netwright.tasks import Task, TextRows
from netwright.train import predict

FOLDER = Path("build/bench-banks")
MACHINE = "gddr6-aim"
REAL = "float32"

VARIANTS: Mapping[str, BankArithmetic] = {
    "banks": BankArithmetic(),
    "sums leave in 16 bits": BankArithmetic(sum_bits=16),
    "one step of the root": BankArithmetic(host=HostArithmetic(root_steps=1)),
    "three terms, one step": BankArithmetic(host=HostArithmetic(3, 3, 1, 1)),
    "chip in bfloat16": BankArithmetic(host=HostArithmetic(bits=16), sum_bits=16),
}


def figures(
    task: Task, folder: Path, wanted: tuple[str, ...], threads: int, console: Console
) -> None:
    """Bits of every token, each variant in a file of its own."""
    missing = [name for name in (REAL, *wanted) if not path_of(folder, name).exists()]
    if not missing:
        return
    model = smollm2()
    (tokens,) = task.test.arrays.values()
    words = np.asarray(tokens, np.int64)
    for name in missing:
        began = time.perf_counter()
        if name == REAL:
            bits = predict(model, task.test.arrays)
        else:
            bits = bits_in_banks(
                model, words, arch.find(MACHINE), arithmetic=VARIANTS[name], num_threads=threads
            )
        write_npz(path_of(folder, name), {"bits": bits})
        took = time.perf_counter() - began
        load = os.getloadavg()[0]
        console.print(
            f"{name}: {task.evaluate(bits):.5f}, {took:.0f} s at load {load:.1f}", highlight=False
        )


def path_of(folder: Path, name: str) -> Path:
    """Where the figures of a variant are kept."""
    return folder / f"{name.replace(' ', '-').replace(',', '')}.npz"


def table(task: Task, folder: Path, wanted: tuple[str, ...], console: Console) -> None:
    """What is there, beside float32."""
    targets = task.test.targets
    real = np.load(path_of(folder, REAL))["bits"]
    shown = Table(
        "arithmetic", "bits per character", "more than float32, 95 % interval", "perplexity",
        "of float32",
        title=f"SmolLM2-135M on {MACHINE}: {targets.size} tokens, {int(targets.sum())} characters",
    )  # fmt: skip
    whole = float(2 ** real.mean(dtype=np.float64))
    for name in (REAL, *wanted):
        bits = np.load(path_of(folder, name))["bits"]
        found = bits_with_interval(bits, targets, beside=None if name == REAL else real)
        perplexity = float(2 ** bits.mean(dtype=np.float64))
        shown.add_row(
            name, f"{found.value:.4f}",
            f"{found.more:+.4f} [{found.more_low:.4f}, {found.more_high:.4f}]",
            f"{perplexity:.4f}", f"{perplexity / whole - 1:+.3%}",
        )  # fmt: skip
    console.print(shown)
    console.print(
        "Perplexity is that of a token. The package's weights were in 4 bits before. The texts may "
        "have been seen in training."
    )


def main(arguments: list[str]) -> None:
    """Measure what is missing, then print the table."""
    rows = int(arguments[0]) if arguments else 8
    context = int(arguments[1]) if len(arguments) > 1 else 128
    wanted = tuple(arguments[2:]) or tuple(VARIANTS)
    sizes = TextRows(context=context, train=4, validation=1, test=rows)
    task = smollm2_novels(sizes)
    folder = FOLDER / f"{rows}x{context}-{task.card.sha256[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=140)
    figures(task, folder, wanted, os.cpu_count() or 1, console)
    table(task, folder, wanted, console)


if __name__ == "__main__":
    main(sys.argv[1:])
