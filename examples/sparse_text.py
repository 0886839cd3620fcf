"""Fine-tune MiniLM-L6 on movie snippets, make it block-sparse and int8, and score the engines.

    pip install 'netwright[train,text,cpu]'
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python examples/sparse_text.py vaderSentiment-3.3.2.tar.gz build/sparse-text

Every seed trains a dense encoder, then an encoder for each share of zeros, each from the one before
and all with the dense one as the teacher. An interrupted run goes on where it was;
what is done is not done again. Other settings need another folder: what a folder holds says from
which settings it is, and is refused by others.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from netwright.backends.cpu.encoders import (
    EncoderShape,
    EncoderWeights,
    build_engine,
    minilm_folder,
    read_state,
    save_encoder,
)
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import CALIBRATION_SENTENCES, observe, sparsify_text
from netwright.errors import NetwrightError, RunError
from netwright.files import write_text
from netwright.models.text import TextEncoder, minilm
from netwright.tasks import Task
from netwright.tasks.sentences import sentence_task
from netwright.tasks.snippets import Sentence, encode, snippets, unlabeled_texts
from netwright.train import fit
from netwright.train.text import TEXT, Vary, text_logits

CONSOLE = Console()


def show(done: float, total: float, text: str) -> None:
    """Print how far a training is."""
    CONSOLE.print(f"{done:.2f} of {total:g} epochs, {text}")


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose largest logit is that of their class."""
    return float((logits.argmax(axis=1) == labels).mean())


def weights_of(model: TextEncoder) -> EncoderWeights:
    """The weights as the engine reads them."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    return read_state(state, model.shape)


class Data:
    """Word pieces of every split, and what can be learned from the teacher alone."""

    def __init__(self, path: Path, rows: int | None) -> None:
        task = snippets(path=path)
        tokenizer = minilm_folder() / "tokenizer.json"
        splits = (task.train, task.validation, task.test)
        self.words = [encode(split.texts[:rows], tokenizer) for split in splits]
        self.labels = [split.targets[:rows] for split in splits]
        self.unlabeled = encode(unlabeled_texts(task, path=path)[:rows], tokenizer)

    @property
    def rows(self) -> str:
        """How many sentences there are."""
        train, validation, test = (len(words) for words in self.words)
        return (
            f"{train} train, {len(self.unlabeled)} unlabeled, {validation} validation, {test} test"
        )

    def task(self, shape: EncoderShape, *, unlabeled: bool) -> Task:
        """The sentences as a task, with or without those that the teacher alone knows."""
        train, validation, test = zip(self.words, self.labels, strict=True)
        more = self.unlabeled if unlabeled else []
        return sentence_task(train, validation, test, shape=shape, unlabeled=more)

    def scores(self, score_of: Callable[[list[Sentence]], np.ndarray]) -> dict[str, float]:
        """Accuracy on validation and test of what returns logits of sentences."""
        pairs = zip(("validation", "test"), self.words[1:], self.labels[1:], strict=True)
        return {name: accuracy(score_of(words), labels) for name, words, labels in pairs}


def once(path: Path, settings: str, compute: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Scores from a file; computed and written if there is none.

    Args:
        path: The file.
        settings: All that the scores depend on.
        compute: Returns the scores.

    Raises:
        RunError: The file cannot be read, or holds the scores of other settings.
    """
    if not path.exists():
        write_text(path, json.dumps({"settings": settings, "scores": compute()}) + "\n")
    try:
        stored = json.loads(path.read_text())
        written, found = stored["settings"], stored["scores"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{path}: cannot be read as scores with their settings ({type(error).__name__})",
            hint="remove it, or choose another folder",
        ) from None
    if written != settings:
        raise RunError(
            f"{path}: must hold the scores of {settings}, not of {written}",
            hint="choose another folder, or remove this one",
        )
    CONSOLE.print(f"{path.parent.name}, {path.stem}: {found}")
    scores: dict[str, float] = found
    return scores


def run_seed(data: Data, seed: int, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Train and score the dense encoder and every sparse one of a seed."""
    folder = given.out / f"seed-{seed}"
    dense = minilm(seed=seed)
    gentle = replace(TEXT, epochs=given.epochs, learning_rate=1e-4, seed=seed)
    known = data.task(dense.shape, unlabeled=False)
    fit(dense, known, recipe=gentle, checkpoint=folder / "dense.pt", progress=show)
    settings = f"rows: {data.rows}; {gentle!r}"
    scores = {
        "dense fp32": once(
            folder / "dense-fp32.json",
            settings,
            lambda: data.scores(lambda rows: text_logits(dense, rows)),
        )
    }
    observe(dense, data.words[0][:CALIBRATION_SENTENCES])
    scores["dense int8"] = once(
        folder / "dense-int8.json",
        settings,
        lambda: data.scores(build_engine(weights_of(dense), way="sparse")),
    )
    everything = data.task(dense.shape, unlabeled=True)
    varied = Vary(splice=0.4, replace=0.1)
    dense.set_quantized("off")
    begin, start = dense, 0.0
    steps: list[str] = []
    for sparsity, epochs in zip(given.sparsity, given.level_epochs, strict=True):
        recipe = replace(TEXT, epochs=epochs, learning_rate=given.rate, seed=seed)
        schedule = BlockSparsity(
            sparsity,
            start=start,
            block_rows=given.block_rows,
            score="output",
            ramp=0.4,
            every=10,
        )
        begin = sparsify_text(
            begin,
            everything,
            schedule=schedule,
            recipe=recipe,
            teacher=dense,
            callbacks=[varied],
            checkpoint=folder / f"block-{sparsity:g}.pt",
            progress=show,
        )
        weights = weights_of(begin)
        steps.append(f"{schedule!r}; {recipe!r}; {varied.settings}")
        found = once(
            folder / f"block-{sparsity:g}.json",
            "; then ".join((settings, *steps)),
            partial(data.scores, build_engine(weights, way="sparse", block_rows=given.block_rows)),
        )
        scores[f"{100 * sparsity:g}% block-sparse int8"] = found
        record = {
            "model": "MiniLM-L6 fine-tuned on movie snippets (examples/sparse_text.py)",
            "sparsity": sparsity,
            "seed": seed,
            "rows": data.rows,
            "dense": repr(gentle),
            "sparse": "; then ".join(steps),
            "dense fp32 test accuracy": scores["dense fp32"]["test"],
            "dense int8 test accuracy": scores["dense int8"]["test"],
            "test accuracy": found["test"],
        }
        path = folder / f"minilm-snippets-{100 * sparsity:g}.nwt"
        save_encoder(weights, path, recipe=record, block_rows=given.block_rows)
        start = sparsity
    return scores


def report(seeds: list[dict[str, dict[str, float]]], num_test: int) -> Table:
    """Mean and sample standard deviation over the seeds."""
    table = Table(title=f"accuracy of {len(seeds)} seeds, {num_test} test snippets")
    for column in ("encoder", "test", "validation", "test, each seed"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    for name in seeds[0]:
        cells = []
        for split in ("test", "validation"):
            values = [100 * scores[name][split] for scores in seeds]
            spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.1f}{spread} %")
        each = " ".join(f"{100 * scores[name]['test']:.1f}" for scores in seeds)
        table.add_row(name, *cells, each)
    return table


def positive(text: str) -> int:
    """A number from 1 on."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def main() -> None:
    """Train, prune and score."""
    parser = argparse.ArgumentParser(description="fine-tune, prune and score MiniLM-L6")
    parser.add_argument("snippets", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3, help="of the dense training")
    parser.add_argument(
        "--level-epochs",
        type=int,
        nargs="+",
        default=[5, 10, 4, 4],
        help="of every sparse training",
    )
    parser.add_argument("--rate", type=float, default=3e-4, help="of every sparse training")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.7, 0.8, 0.85, 0.9])
    parser.add_argument("--block-rows", type=int, choices=(4, 8), default=4)
    parser.add_argument("--rows", type=positive, help="take the first rows of every text only")
    given = parser.parse_args()
    rising = given.sparsity == sorted(set(given.sparsity))
    if len(given.sparsity) != len(given.level_epochs) or not rising:
        parser.error("give as many --level-epochs as --sparsity, and let the sparsity rise")
    torch.set_num_threads(1)
    try:
        data = Data(given.snippets, given.rows)
        found = [run_seed(data, seed, given) for seed in given.seeds]
    except NetwrightError as error:
        raise SystemExit(str(error)) from None
    CONSOLE.print(report(found, len(data.labels[2])))
    (given.out / "accuracy.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
