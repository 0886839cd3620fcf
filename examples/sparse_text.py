"""Fine-tune MiniLM-L6 on movie snippets, make it block-sparse and int8, and score the engine.

    pip install 'netwright[train,text,cpu]'
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python examples/sparse_text.py vaderSentiment-3.3.2.tar.gz build/sparse-text

Every level starts from the one before. An interrupted run goes on from its last whole epoch.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from netwright.backends.cpu import build_engine, read_state
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import observe, sparsify_text
from netwright.models.text import TextEncoder, minilm, minilm_folder
from netwright.tasks.snippets import encode, snippets
from netwright.train.text import TextRecipe, TextStep, fit_text, teach, text_logits

CONSOLE = Console()


def show(step: TextStep) -> None:
    """Print every fiftieth step."""
    if step.step % 50 == 0 or step.step == step.steps:
        CONSOLE.print(f"epoch {step.epoch}, step {step.step} of {step.steps}: loss {step.loss:.3f}")


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose largest logit is that of their class."""
    return float((logits.argmax(axis=1) == labels).mean())


def state_of(model: TextEncoder) -> dict[str, np.ndarray]:
    """The weights as arrays."""
    return {name: value.numpy() for name, value in model.state_dict().items()}


def main() -> None:
    """Train, prune and score."""
    parser = argparse.ArgumentParser(description="fine-tune, prune and score MiniLM-L6")
    parser.add_argument("snippets", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3, help="of the dense training")
    parser.add_argument("--level-epochs", type=int, default=2, help="of every level")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.7, 0.8, 0.85, 0.9])
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    given = parser.parse_args()
    torch.set_num_threads(1)

    task = snippets(path=given.snippets)
    tokenizer = minilm_folder() / "tokenizer.json"
    words = encode(task.train.texts[: given.rows], tokenizer)
    labels = task.train.labels[: given.rows]
    test = encode(task.test.texts[: given.rows], tokenizer)
    wanted = task.test.labels[: given.rows]
    folder = given.out / f"seed-{given.seed}"

    dense = minilm(seed=given.seed)
    recipe = TextRecipe(epochs=given.epochs, learning_rate=1e-4, seed=given.seed)
    fit_text(dense, words, labels, recipe=recipe, checkpoint=folder / "dense.pt", after_step=show)
    scores = {"dense fp32": accuracy(text_logits(dense, test), wanted)}
    observe(dense, words[:256])
    engine = build_engine(read_state(state_of(dense), dense.shape), way="sparse")
    scores["dense int8"] = accuracy(engine(test), wanted)

    lesson = teach(dense, words)
    model, start = dense, 0.0
    for sparsity in given.sparsity:
        model = sparsify_text(
            model,
            words,
            labels,
            schedule=BlockSparsity(sparsity, start=start),
            recipe=replace(recipe, epochs=given.level_epochs, learning_rate=2e-4),
            lesson=lesson,
            checkpoint=folder / f"block-{sparsity:g}.pt",
            on_step=show,
        )
        engine = build_engine(read_state(state_of(model), model.shape), way="sparse")
        scores[f"{sparsity:.0%} block-sparse int8"] = accuracy(engine(test), wanted)
        start = sparsity
    for name, score in scores.items():
        CONSOLE.print(f"{name}: {score:.4f} of {len(wanted)} test snippets")
    (folder / "accuracy.json").write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    main()
