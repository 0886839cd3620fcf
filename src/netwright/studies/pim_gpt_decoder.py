"""Claims of ``pim-gpt.toml`` about values: layout, arithmetic of banks and host, and the unit."""

from __future__ import annotations

import os
from math import factorial, log
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from netwright import arch
from netwright.backends import arrays
from netwright.compress import bits_in_banks
from netwright.files import write_npz
from netwright.formats import bfloat16_words
from netwright.ir import Graph, HostArithmetic, interpret
from netwright.mapping import BankRun, Banks, bank_arithmetic
from netwright.models import Decoder, DecoderShape, decoder_graph, smollm2, smollm2_novels
from netwright.quantities import Quantity
from netwright.reading import read_arrays
from netwright.studies import Context, Finding
from netwright.tasks import TextRows
from netwright.train import predict

MACHINE = "gddr6-aim"
SMALL = DecoderShape(300, 32, layers=2, heads=4, groups=2, hidden=48, head_features=8)
PLACEMENTS = (Banks(), Banks(balanced=False), Banks(packed=False), Banks(tokens=64))
ROWS, CONTEXT = 8, 128
INTERPRETED_TOKENS = 3
VECTORS, WIDTH = 100_000, 16


def layout_exact(context: Context) -> Finding:
    """Logits through the banks that are not the interpreter's."""
    import torch

    torch.manual_seed(0)
    machine = arch.find(MACHINE)
    words = np.random.default_rng(0).integers(0, SMALL.words, (2, 12))
    graph = bank_arithmetic(machine)(decoder_graph(Decoder(SMALL).eval(), 12))
    differing = sum(differing_logits(graph, words, rules) for rules in PLACEMENTS)
    what = f"a decoder of {SMALL.layers} layers, random weights, {len(PLACEMENTS)} placements"
    if context.profile == "full":
        graph = decoder_graph(smollm2().decoder, INTERPRETED_TOKENS)
        words = np.arange(INTERPRETED_TOKENS)[None] + 500
        differing += differing_logits(bank_arithmetic(machine)(graph), words, Banks())
        what += f"; SmolLM2-135M, {INTERPRETED_TOKENS} tokens"
    return Finding(Quantity(differing, "logits", "interpreter", "modelled"), what)


def differing_logits(graph: Graph, words: NDArray[np.int64], rules: Banks) -> int:
    """Values of the graph's output that are not the same bits."""
    run = BankRun.of(graph, arch.find(MACHINE), rules=rules)
    values = words.astype(np.float64)
    (found,), (wanted,) = run.run(values).values(), interpret(graph, values).values()
    return int((found.view(np.int64) != wanted.view(np.int64)).sum())


def series_bounded(context: Context) -> Finding:
    """Largest error of the host's functions, over the bound that is stated."""
    random = np.random.default_rng(0)
    x = random.uniform(-87, 88, 200_000).astype(np.float32)
    positive = np.exp(x * np.float32(0.9))
    shares, remark = [], []
    for n in range(2, 9):
        made = HostArithmetic(exp_terms=n).exp(x).astype(np.float64)
        error = np.abs(made / np.exp(x.astype(np.float64)) - 1).max()
        series = 1.2 * 2**0.5 * (log(2) / 2) ** (n + 1) / factorial(n + 1)
        shares.append(error / (series + 2.0**-22))
        remark.append(f"exp of {n} terms {error:.1e}")
    for k in (1, 2, 3):
        inverse = HostArithmetic(newton_steps=k).reciprocal(positive).astype(np.float64)
        error = np.abs(inverse * positive - 1).max()
        shares.append(error / (17.0 ** -(2**k) + 2.0**-22))
        remark.append(f"1/x of {k} steps {error:.1e}")
        root = HostArithmetic(root_steps=k).inverse_root(positive).astype(np.float64)
        error = np.abs(root * np.sqrt(positive.astype(np.float64)) - 1).max()
        shares.append(error / (1.76e-3, 4.8e-6, 2.0**-22)[k - 1])
        remark.append(f"1/root of {k} steps {error:.1e}")
    return Finding(Quantity(max(shares), "x", "float64", "modelled"), ", ".join(remark))


def unit_exact(context: Context) -> Finding:
    """Sums of the simulated unit that are not the model's."""
    random, unit = np.random.default_rng(0), arrays.BankUnit(lanes=WIDTH)
    shape = (VECTORS, 1, WIDTH)
    size = 2.0 ** random.uniform(-40, 40, (2, *shape))
    wide = [bfloat16_words(values) for values in random.normal(size=(2, *shape)) * size]
    some = random.random(shape) < 0.02  # any words at all: NaN, infinities, subnormal numbers
    x = np.where(some, random.integers(0, 1 << 16, shape), wide[0]).astype(np.uint16)
    with TemporaryDirectory() as folder:
        design = unit.generate(f"{folder}/unit")
        steps = np.ones(VECTORS, np.uint32)
        found = design.run(x.reshape(-1, WIDTH), wide[1].reshape(-1, WIDTH), steps)
    wanted = unit.reference(x, wide[1])
    differing = int((found.sums.view(np.uint32) != wanted.view(np.uint32)).sum())
    remark = f"{VECTORS} vectors, {int(np.isfinite(wanted).sum())} sums are numbers"
    return Finding(Quantity(differing, "sums", "Verilator", "modelled"), remark)


def perplexity(context: Context) -> Finding:
    """Perplexity through the banks over that in float32, in percent more."""
    task = smollm2_novels(TextRows(context=CONTEXT, train=4, validation=1, test=ROWS))
    kept = context.folder / f"bits-{task.card.sha256[:12]}.npz"
    if not kept.exists():
        model = smollm2()
        (words,) = task.test.arrays.values()
        own = bits_in_banks(model, words, arch.find(MACHINE), num_threads=os.cpu_count() or 1)
        write_npz(kept, {"banks": own, "real": predict(model, task.test.arrays)})
    found = read_arrays(kept)
    banks, real = (float(2 ** found[name].mean(dtype=np.float64)) for name in ("banks", "real"))
    remark = f"perplexity of a token {banks:.4f}, in float32 {real:.4f}; {real_tokens()} tokens"
    return Finding(Quantity(100 * (banks / real - 1), "%", "novels", "measured"), remark)


def real_tokens() -> int:
    """Tokens whose bits are counted."""
    return ROWS * (CONTEXT - 1)
