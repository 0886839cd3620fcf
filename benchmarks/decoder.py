"""SmolLM2-135M in four bits: bits per character of the novels, by quantizer.

Each figure is kept in ``build/bench-decoder`` as soon as it is there, so that a run that was ended
goes on where it was. The weights of the package were in four bits before: every row measures a
second quantization of them.

    python benchmarks/decoder.py [ROWS] [TOKENS] [QUANTIZER ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from netwright.compress import VARIANTS, bits_with_interval, decoder_variants
from netwright.files import write_npz
from netwright.models import smollm2, smollm2_novels
from netwright.tasks import Task, TextRows
from netwright.train import predict

FOLDER = Path("build/bench-decoder")
QUANTIZERS = ("absmax", "mse", "hadamard", "mx", "nvfp4", "outlier")
AS_IT_IS = "as packaged"


def figures(task: Task, folder: Path, quantizers: tuple[str, ...], console: Console) -> None:
    """Bits of every token, each network in a file of its own."""
    model = smollm2()

    def keep(name: str, module: object) -> None:
        path = folder / f"{name.replace(' ', '-')}.npz"
        bits = predict(module, task.test.arrays)  # type: ignore[arg-type]
        write_npz(path, {"bits": bits})
        console.print(f"{name}: {task.evaluate(bits):.4f}", highlight=False)

    if not (folder / f"{AS_IT_IS.replace(' ', '-')}.npz").exists():
        keep(AS_IT_IS, model)
    for quantizer in quantizers:
        wanted = [v for v in VARIANTS if not _path(folder, quantizer, v).exists()]
        if not wanted:
            continue
        for variant, module in decoder_variants(model, task, quantizer):
            if variant in wanted:
                keep(f"{quantizer} {variant}", module)


def _path(folder: Path, quantizer: str, variant: str) -> Path:
    return folder / f"{quantizer} {variant}.npz".replace(" ", "-")


def table(task: Task, folder: Path, quantizers: tuple[str, ...], console: Console) -> None:
    """What is there, beside the package's own weights."""
    targets = task.test.targets
    as_it_is = np.load(folder / f"{AS_IT_IS.replace(' ', '-')}.npz")["bits"]
    own = bits_with_interval(as_it_is, targets)
    shown = Table(
        "weights", *VARIANTS,
        title=f"bits per character, {targets.size} tokens, {int(targets.sum())} characters",
    )  # fmt: skip
    shown.add_row(f"as packaged (4 bits): {own.value:.3f} [{own.low:.3f}, {own.high:.3f}]")
    for quantizer in quantizers:
        cells = []
        for variant in VARIANTS:
            path = _path(folder, quantizer, variant)
            if not path.exists():
                cells.append("not measured")
                continue
            found = bits_with_interval(np.load(path)["bits"], targets, beside=as_it_is)
            more = f"+{found.more:.3f} [{found.more_low:.3f}, {found.more_high:.3f}]"
            cells.append(f"{found.value:.3f} ({more})")
        shown.add_row(quantizer, *cells)
    console.print(shown)
    console.print(
        "In brackets: more than the packaged weights, with the paired 95 % interval over rows. The "
        "package's weights were in 4 bits before. The texts may have been seen in training."
    )


def main(arguments: list[str]) -> None:
    """Measure what is missing, then print the table."""
    rows = int(arguments[0]) if arguments else 64
    context = int(arguments[1]) if len(arguments) > 1 else 256
    quantizers = tuple(arguments[2:]) or QUANTIZERS
    sizes = TextRows(context=context, train=4, validation=1, test=rows)
    task = smollm2_novels(sizes)
    folder = FOLDER / f"{rows}x{context}-{task.card.sha256[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=200)
    figures(task, folder, quantizers, console)
    table(task, folder, quantizers, console)


if __name__ == "__main__":
    main(sys.argv[1:])
