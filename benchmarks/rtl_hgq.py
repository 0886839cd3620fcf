"""LUTs of one network trained with HGQ2, by our RTL and by da4ml's: one file, one synthesizer.

The network lies beside this file; `hgq_train.py` is its recipe. Ours is read without Keras; da4ml's
is traced by HGQ2's own plug-in from the model that Keras loads. Both are checked on the rows of the
test set against the outputs of that model before anything is measured.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rtl import DA4ML_CUTOFF, PART, TIMEOUT_S, keep_chains
from netwright.backends.rtl import rtl
from netwright.backends.rtl.synthesis import Measurement, synthesize
from netwright.ir import Graph
from netwright.verify import bit_exact, corners

FILE = Path(__file__).parent / "data" / "jets_hgq2.keras"
ROWS = 10_000


def ours(graph: Graph, rows: np.ndarray, folder: Path) -> tuple[Measurement, float]:
    """Generate, prove, simulate and measure our design."""
    start = time.process_time()
    design = rtl(part=PART).generate(graph, folder / "ours")
    seconds = time.process_time() - start
    assert all(proof.holds for proof in design.prove())
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}
    for inputs in (rows, corners(graph).inputs):
        found = bit_exact(graph, design, inputs)
        assert found.identical == found.rows, found
    return design.measure(timeout_s=TIMEOUT_S), seconds


def da4ml(
    model: Any, rows: np.ndarray, wanted: np.ndarray, folder: Path
) -> tuple[Measurement, float]:
    """Generate, check and measure da4ml's design of the model."""
    from da4ml.codegen import RTLModel
    from da4ml.converter import trace_model
    from da4ml.trace import comb_trace, to_pipeline

    start = time.process_time()
    logic = comb_trace(*trace_model(model))
    made = RTLModel(to_pipeline(logic, DA4ML_CUTOFF), "da4ml_hgq", folder / "da4ml")
    made.write()
    seconds = time.process_time() - start
    assert np.array_equal(logic.predict(rows.astype(np.float64), n_threads=1), wanted)
    sources = keep_chains(folder / "da4ml" / "src")
    build = folder / "da4ml-build"
    measured = synthesize("da4ml_hgq", sources, part=PART, folder=build, timeout_s=TIMEOUT_S)
    return measured, seconds
