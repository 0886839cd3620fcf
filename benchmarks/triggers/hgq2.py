"""Networks trained with HGQ2 and HGQ-LUT, as their reproduction packages ship them.

Each gives three rows: the Verilog of da4ml, which its authors use, and of alkaid, its successor,
both traced by HGQ2's own plug-ins, and ours of the same file. Inputs never leave 32 deviations:
formats get no bits beyond, where the authors trace ranges on their data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.peers import PACKAGES
from benchmarks.triggers.contestants import Contestant, Ours, Theirs, Unusable, classes
from benchmarks.triggers.encoder import of_graph
from benchmarks.triggers.generators import TERNARY, forms, made_in
from netwright.exchange import HgqModel, read_hgq
from netwright.ir import Graph, real_values

LARGEST_INPUT = 32.0
ROWS = 500
CUTOFF = 2
"""The latency cutoff of the authors' scripts."""


def contestants(
    clone: Path, *, method: str, folders: tuple[tuple[str, str], ...], published: str = ""
) -> Iterator[Contestant]:
    """Three rows for every model file."""
    absent = []
    for data, place in folders:
        files = sorted(clone.glob(f"{place}/*.keras"), key=_size)
        if not files:
            absent.append(str(clone / place))
        for file in files:
            name = f"{method} {_label(file)}"
            makers = {tool: partial(theirs, tool, file) for tool in TERNARY}
            for rtl, make in (*makers.items(), ("ours", partial(ours, file))):
                yield Contestant(
                    name, data, rtl, _accuracy(file), make,
                    partial(_encoder, file), partial(_judge, file), published,
                    "inputs within ±32 deviations",
                )  # fmt: skip
    if absent:
        raise Unusable(f"{', '.join(absent)} has no .keras file")


def ours(file: Path, folder: Path) -> Ours:
    """Our Verilog of a model, after HGQ2's own layers gave the same integers."""
    graph = read_hgq(file, largest_input=LARGEST_INPUT)
    model = HgqModel(file, graph)
    rows = np.random.default_rng(7).normal(
        scale=2.0, size=(ROWS, *graph.types[graph.inputs[0]].shape[1:])
    )
    from netwright.verify import bit_exact

    found = bit_exact(graph, model, np.clip(rows, -31, 31))
    if found.identical != found.rows:
        raise Unusable(f"HGQ2 gives other integers in {found.rows - found.identical} rows")
    return Ours(graph, folder)


def theirs(tool: str, file: Path, folder: Path) -> Theirs:
    """The Verilog that a tool makes of a model, ranges narrowed as ours; the best form counts."""
    try:
        codegen, converter, trace = (
            import_module(f"{tool}.{part}") for part in ("codegen", "converter", "trace")
        )
    except ImportError:
        raise Unusable(f"{tool} is not installed: pip install {PACKAGES[tool][0]}") from None
    os.environ.setdefault("KERAS_BACKEND", "torch")
    graph = read_hgq(file, largest_input=LARGEST_INPUT)
    source = HgqModel(file, graph)
    model = source.load()
    _narrow(model)
    ends = converter.trace_model(
        model, hwconf=trace.HWConfig(1, -1, -1), solver_options={"hard_dc": 2}
    )
    logic = trace.comb_trace(*ends) if tool == "da4ml" else trace.trace(*ends)
    rows = np.clip(np.random.default_rng(7).normal(scale=2.0, size=(ROWS, 16)), -31, 31)
    wanted = real_values(graph, graph.outputs[0], source.run(rows)[graph.outputs[0]])
    found = logic.predict(rows.astype(np.float32).astype(np.float64), n_threads=1)
    if not np.array_equal(found, wanted):
        raise Unusable(f"{tool}'s own model gives other numbers than the graph")
    places = []
    for ternary in TERNARY[tool]:
        places.append(made_in(folder, tool, ternary=ternary))
        fused = {} if tool == "da4ml" else {"ternary_fuse": ternary}
        codegen.RTLModel(
            logic, prj_name="jets", path=places[-1], latency_cutoff=CUTOFF, clock_period=1.0,
            clock_uncertainty=0.0, **fused,
        ).write()  # fmt: skip
    return forms(folder, "jets", places)


def _narrow(model) -> None:
    """Leave no integer bits that inputs within the range never need."""
    quantizer = getattr(model.layers[1], "iq", None)
    inner = getattr(quantizer, "quantizer", None)
    bits = getattr(inner, "_i", None)
    if bits is None or str(inner.overflow_mode).upper() != "WRAP":
        return
    fractions = np.asarray(inner.f.detach() if hasattr(inner.f, "detach") else inner.f, float)
    needed = np.ceil(np.log2(LARGEST_INPUT + np.ldexp(0.5, -np.rint(fractions).astype(int))))
    now = bits.numpy() if hasattr(bits, "numpy") else np.asarray(bits)
    zero = np.ldexp(0.5, -np.rint(fractions).astype(int)) >= LARGEST_INPUT
    bits.assign(np.where(zero, -fractions - 1, np.minimum(np.asarray(now, float), needed)))


def _encoder(file: Path) -> Graph:
    return of_graph(read_hgq(file, largest_input=LARGEST_INPUT))


def _judge(file: Path, rows: np.ndarray) -> np.ndarray:
    return classes(read_hgq(file, largest_input=LARGEST_INPUT), rows)


def _size(file: Path) -> tuple[int, str]:
    match = re.search(r"ebops=(\d{1,9})(?!\d)", file.stem)
    return int(match[1]) if match else 0, file.name


def _label(file: Path) -> str:
    match = re.search(r"ebops=(\d+)", file.stem)
    return f"{match[1]} EBOPs" if match else file.stem


def _accuracy(file: Path) -> str:
    match = re.search(r"(val|test)_acc=(?:0\.)?(\d+)", file.stem)
    if match is None:
        return "not stated"
    rows = "validation" if match[1] == "val" else "test"
    return f"{match[2][:2]}.{match[2][2:]} % published, {rows}"
