"""Sentences a second of MiniLM-L6 beside its accuracy: PyTorch, ONNX Runtime and our engine.

One thread, medians of CPU time, the contestants in alternation. The shipped sparse encoders are the
ones that are timed, and their accuracy on the test snippets is measured in the same run; a share of
zeros that is not shipped is timed with random block masks and has no accuracy.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.spmm import processor  # noqa: E402
from benchmarks.timing import medians  # noqa: E402
from netwright.backends.cpu.encoders import (  # noqa: E402
    EncoderWeights,
    StoredEncoder,
    build_engine,
    calibrate,
    minilm_folder,
    read_state,
    sparse_minilm,
)
from netwright.errors import DataError  # noqa: E402
from netwright.kernels import selected_isa  # noqa: E402
from netwright.models.text import EncoderLinear, TextEncoder, minilm  # noqa: E402
from netwright.tasks.snippets import encode, snippets  # noqa: E402
from netwright.train.text import pad  # noqa: E402

SPARSITIES = (0.7, 0.8, 0.85, 0.9)
TALL = (0.8, 0.9)
"""Shares of zeros that are timed with 8x1 blocks, too."""
LENGTHS = (32, 128)
TOKENS = 1024
ROUNDS = 7
ARCHIVE = Path("build") / "vaderSentiment-3.3.2.tar.gz"
PICTURE = Path("build") / "encoder.png"
CONSOLE = Console(width=150)


def masked(
    state: dict[str, np.ndarray], sparsity: float, block_rows: int = 4
) -> dict[str, np.ndarray]:
    """Random masks on every linear operator of every layer."""
    random = np.random.default_rng(0)
    found = dict(state)
    for name, weight in state.items():
        if ".layer." in name and name.endswith("weight") and weight.ndim == 2:
            kept = random.random((weight.shape[0] // block_rows, weight.shape[1])) >= sparsity
            found[name] = weight * np.repeat(kept, block_rows, axis=0)
    return found


def plain(model: TextEncoder) -> TextEncoder:
    """The same network with the linear operators that torch can quantize."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, EncoderLinear):
                linear = torch.nn.Linear(child.in_features, child.out_features)
                linear.weight, linear.bias = child.weight, child.bias
                module._modules[name] = linear
    return model


def runtime_call(model: TextEncoder, ids: torch.Tensor, mask: torch.Tensor) -> Callable[[], object]:
    """ONNX Runtime after its own dynamic int8 quantization, the one it advises for encoders.

    The separate transformer optimizer of ONNX Runtime, which fuses attention, is not run.
    """
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(
                model,
                (ids, mask),
                str(source),
                input_names=["ids", "mask"],
                dynamo=False,
                opset_version=17,
            )
        quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(target), options)
    feeds = {"ids": ids.numpy(), "mask": mask.numpy()}
    return lambda: session.run(None, feeds)


def label_of(sparsity: float) -> str:
    return f"{sparsity:.0%} block-sparse int8" if sparsity else "dense int8"


def shipped() -> dict[float, StoredEncoder]:
    """The fine-tuned encoders of the package by their share of zeros."""
    found = {}
    for sparsity in SPARSITIES:
        with contextlib.suppress(DataError):
            found[sparsity] = sparse_minilm(sparsity)
    return found


def accuracies(encoders: dict[float, StoredEncoder]) -> dict[str, float]:
    """Share of the test snippets that each shipped encoder classifies rightly, measured now."""
    try:
        task = snippets(path=ARCHIVE if ARCHIVE.exists() else None)
    except DataError as error:
        CONSOLE.print(f"accuracy was not measured: {error}")
        return {}
    words = encode(task.test.texts, minilm_folder() / "tokenizer.json")
    found = {}
    for sparsity, encoder in encoders.items():
        right = build_engine(encoder.weights)(words).argmax(axis=1) == task.test.targets
        found[f"{label_of(sparsity)}, ours"] = float(right.mean())
    return found


def teachers(encoders: dict[float, StoredEncoder]) -> dict[str, float]:
    """Accuracy of the dense encoder from which the first one learned, as recorded with it."""
    rows = {"dense fp32, PyTorch": "dense fp32", "dense int8, ours": "dense int8"}
    return {
        name: float(encoder.recipe[f"{kind} test accuracy"])
        for encoder in list(encoders.values())[:1]
        for name, kind in rows.items()
    }


def contestants(
    length: int, encoders: dict[float, StoredEncoder]
) -> tuple[dict[str, Callable[[], object]], dict[str, dict[str, float]]]:
    random = np.random.default_rng(0)
    sentences = [
        random.integers(1000, 20000, length).astype(np.int32) for _ in range(TOKENS // length)
    ]
    ids, mask = pad(sentences)
    model = minilm().eval()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    runs: dict[str, Callable[[], object]] = {}
    profiles: dict[str, dict[str, float]] = {}
    for sparsity in (0.0, *SPARSITIES):
        weights: EncoderWeights
        if sparsity in encoders:
            weights = encoders[sparsity].weights
        else:
            weights = calibrate(read_state(masked(state, sparsity), model.shape), sentences[:4])
        label = label_of(sparsity)
        engine = build_engine(weights)
        profiles[label] = {}
        runs[f"{label}, ours"] = lambda e=engine, p=profiles[label]: e(sentences, profile=p)
    for sparsity in TALL:
        weights = calibrate(read_state(masked(state, sparsity, 8), model.shape), sentences[:4])
        engine = build_engine(weights, block_rows=8)
        runs[f"{label_of(sparsity)} 8x1, ours"] = lambda e=engine: e(sentences)
    simple = plain(minilm()).eval()
    runs["dense fp32, PyTorch"] = lambda: simple(ids, mask)
    quantized = torch.ao.quantization.quantize_dynamic(plain(minilm()).eval(), {torch.nn.Linear})
    runs["dense int8, PyTorch"] = lambda: quantized(ids, mask)
    try:
        runs["dense int8, ONNX Runtime"] = runtime_call(simple, ids, mask)
    except Exception as error:
        CONSOLE.print(f"ONNX Runtime did not run: {type(error).__name__}: {error}")
    return runs, profiles


def picture(speeds: dict[str, dict[int, float]], accuracies: dict[str, float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    names = sorted(speeds, key=lambda name: speeds[name][LENGTHS[0]])
    for at, length in enumerate(LENGTHS):
        places = np.arange(len(names)) + 0.4 * at - 0.2
        values = [speeds[name][length] for name in names]
        bars = axes[0].barh(places, values, 0.38, label=f"{length} tokens")
        axes[0].bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
    axes[0].set_yticks(np.arange(len(names)), names, fontsize=8)
    axes[0].set(xlabel="sentences a second, one thread")
    axes[0].margins(x=0.12)
    axes[0].legend(loc="lower right")
    for name, accuracy in accuracies.items():
        axes[1].plot(speeds[name][LENGTHS[1]], 100 * accuracy, "o", color="C1")
        axes[1].annotate(
            name.partition(",")[0].replace(" block-sparse int8", ""),
            (speeds[name][LENGTHS[1]], 100 * accuracy),
            xytext=(4, 6),
            textcoords="offset points",
            fontsize=8,
        )
    axes[1].set(
        xlabel=f"sentences a second, {LENGTHS[1]} tokens",
        ylabel="accuracy, % (dense: recorded)",
    )
    axes[1].margins(x=0.35, y=0.15)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def main() -> int:
    torch.set_num_threads(1)
    CONSOLE.print(
        f"{processor()}; load {os.getloadavg()[0]:.1f}; one thread; {TOKENS} tokens; "
        f"path {selected_isa()}"
    )
    encoders = shipped()
    measured, taught = accuracies(encoders), teachers(encoders)
    speeds: dict[str, dict[int, float]] = {}
    for length in LENGTHS:
        runs, profiles = contestants(length, encoders)
        with torch.no_grad():
            seconds = medians(runs, rounds=ROUNDS)
        for name, found in seconds.items():
            speeds.setdefault(name, {})[length] = TOKENS / length / found
    table = Table(title="MiniLM-L6")
    for column in ("network", "accuracy", *(f"sentences/s at {length}" for length in LENGTHS), "x"):
        table.add_column(column, justify="left" if column == "network" else "right")
    peer = speeds.get("dense int8, ONNX Runtime", speeds["dense int8, PyTorch"])[LENGTHS[1]]
    for name, found in sorted(speeds.items(), key=lambda item: item[1][LENGTHS[1]]):
        cells = [f"{found[length]:.1f}" for length in LENGTHS]
        shown = "-"
        if name in taught:
            shown = f"{taught[name]:.1%}*"
        elif name in measured:
            shown = f"{measured[name]:.1%}"
        table.add_row(name, shown, *cells, f"{found[LENGTHS[1]] / peer:.2f}")
    CONSOLE.print(table)
    CONSOLE.print(
        f"x: at {LENGTHS[1]} tokens against ONNX Runtime: dynamic int8, without the fusions of its "
        "separate transformer optimizer"
    )
    known = ", ".join(f"{sparsity:.0%}" for sparsity in encoders)
    CONSOLE.print(f"trained weights: {known or 'none'}; the other shares of zeros are random masks")
    CONSOLE.print("*: of the teacher on the same snippets, as recorded with the shipped encoder")
    shares = profiles[label_of(SPARSITIES[-1])]
    total = sum(shares.values())
    CONSOLE.print(f"where the time goes at {SPARSITIES[-1]:.0%}, {LENGTHS[1]} tokens:")
    for step, spent in sorted(shares.items(), key=lambda item: -item[1]):
        CONSOLE.print(f"  {step}: {spent / total:.0%}")
    picture(speeds, {**taught, **measured})
    CONSOLE.print(f"picture: {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
