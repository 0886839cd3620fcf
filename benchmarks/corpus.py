"""Every model file of the public test suites of qonnx, hls4ml and FINN, read and certified.

The manifest is ``benchmarks/corpus.toml``. Published files are looked for below a folder by their
SHA-256 (clone the repositories that the manifest names, at the commits that it names); rebuilt ones
are exported there. Each is read, made integer, and compared with the file itself, run by the tool
that it is meant for, and with its own export to QONNX, on rows that it can run within seconds.
What is refused, absent, or has no such executor counts as a failure. The hardware is not built:
most of these networks are larger than one chip of ours. Run by ``make bench-corpus``.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import time
import tomllib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
MANIFEST = HERE / "corpus.toml"
MOST_VALUES = 400_000
"""Values that all rows of a comparison have together in the widest tensor, at most."""

FEWEST_ROWS = 4
"""Random rows on which a file is compared, however large a row is."""


@dataclass(frozen=True)
class Outcome:
    """What became of one entry of the manifest.

    Attributes:
        name: The entry.
        kind: ``certificate`` (of the file itself), ``quantized`` (a float file: its quantized graph
            is certified, the distance to the file measured), ``differs``, ``refused``,
            ``no referee``, ``absent`` or ``fault``.
        told: The verdict, or what it was refused for.
        rows: Rows on which the file was compared.
        seconds: Time that it took.
    """

    name: str
    kind: str
    told: str
    rows: int
    seconds: float


def entries() -> list[dict[str, Any]]:
    """The entries of the manifest, in order, each with its kind."""
    manifest = tomllib.loads(MANIFEST.read_text())
    return [
        {"kind": kind, "options": [], **entry}
        for kind, group in manifest.items()
        for entry in group
    ]


def name_of(entry: dict[str, Any]) -> str:
    """What an entry is called in the table."""
    return str(entry.get("name") or f"{entry['repository']}: {entry['path']}")


def find(entry: dict[str, Any], folder: Path, known: dict[str, Path]) -> Path | None:
    """The file of an entry, exported now if it is a rebuilt one."""
    if entry["kind"] == "published":
        return known.get(entry["sha256"])
    if entry["kind"] == "absent":
        return None
    from benchmarks.corpus_models import rebuilt

    path = folder / "rebuilt" / f"{entry['name']}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path if path.exists() else rebuilt(entry["name"], path)


def judge(entry: dict[str, Any], path: Path | None) -> Outcome:
    """Read one file and compare it; nothing that it does ends the run."""
    from netwright.errors import NetwrightError

    start = time.monotonic()

    def outcome(kind: str, told: str, rows: int = 0) -> Outcome:
        first = told.strip().splitlines()[0] if told.strip() else ""
        return Outcome(name_of(entry), kind, first, rows, time.monotonic() - start)

    if path is None:
        return outcome("absent", entry.get("why", "not found below the folder"))
    try:
        return outcome(*_compared(path, entry["options"]))
    except NetwrightError as error:
        return outcome("refused", error.message)
    except Exception as error:
        return outcome("fault", f"{type(error).__name__}: {error}")


def _compared(path: Path, options: list[str]) -> tuple[str, str, int]:
    """Kind of outcome, what is told of it, and the number of rows."""
    from netwright.exchange import InputQuantizer
    from netwright.flows.conversion import compare_source, make_certificate, read_source

    if "--quantize" in options:
        return _quantized(path)
    wanted = options[options.index("--input-quant") + 1] if "--input-quant" in options else None
    source = read_source(path, input_quantizer=InputQuantizer.of(wanted) if wanted else None)
    stimuli = _stimuli(source.graph)
    source, table = compare_source(source, stimuli)
    certificate = make_certificate(source, table)
    rows = sum(len(stimulus) for stimulus in stimuli)
    if certificate.first.missing:
        return "no referee", certificate.first.missing, rows
    return "certificate" if certificate.holds else "differs", certificate.verdict, rows


def _quantized(path: Path) -> tuple[str, str, int]:
    """A float file, quantized here to 8 bits on random rows; nothing can be equal to the file."""
    from netwright.exchange import FileReferee, read_qonnx, referee
    from netwright.flows.conversion import compare_candidates
    from netwright.ir import Interpreter, real_values
    from netwright.passes import StripHead, integerize, quantize

    real = StripHead()(read_qonnx(path))
    generator = np.random.default_rng(5)
    made = [*real.inputs, *real.producers]
    widest = max(int(np.prod(real.types[name].shape)) for name in made)
    count = max(FEWEST_ROWS, min(64, MOST_VALUES // widest))
    rows = {
        name: generator.uniform(-1, 1, size=(count, *real.types[name].shape[1:])).astype(np.float32)
        for name in real.inputs
    }
    graph = integerize(quantize(real, rows))
    table = compare_candidates(graph, {"QONNX": referee(graph)}, _stimuli(graph))
    file = FileReferee(path, graph).run(rows)
    ours = Interpreter.of(graph).run(rows)
    errors = [
        np.abs(real_values(graph, name, ours[name]) - found).mean()
        / max(float(np.std(found)), 1e-12)
        for name, found in zip(graph.outputs, file, strict=True)
    ]
    told = f"mean error {100 * max(errors):.2g} % of the outputs' deviation"
    if not table or not all(row.identical for row in table):
        return "differs", f"graph and QONNX; {told}", count
    return "quantized", f"graph = QONNX; a float file, quantized here to 8 bits: {told}", count


def _stimuli(graph: Any) -> list[Any]:
    """Random codes, and as many rows of corners and borders, as far as the size allows."""
    from netwright.verify import borders, corners, random

    made = [*graph.inputs, *graph.producers]
    widest = max(int(np.prod(graph.types[name].shape)) for name in made)
    count = max(FEWEST_ROWS, min(64, MOST_VALUES // widest))
    stimuli = [random(graph, rows=count)]
    if count > 16:
        stimuli += [corners(graph), borders(graph)]
    return stimuli


def main() -> None:
    """Judge every entry and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the published files lie")
    parser.add_argument("--only", default="", help="entries whose name contains this")
    parser.add_argument("--seconds", type=float, default=900.0, help="limit for one file")
    parser.add_argument("--update", action="store_true", help="write the outcomes to the manifest")
    arguments = parser.parse_args()
    known = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path
        for path in sorted(arguments.folder.rglob("*.onnx"))
    }
    warnings.simplefilter("ignore")
    found = []
    for entry in entries():
        if arguments.only not in name_of(entry):
            continue
        outcome = _limited(entry, find(entry, arguments.folder, known), arguments.seconds)
        found.append(outcome)
        print(
            f"{outcome.kind:<12} {outcome.seconds:6.1f} s {outcome.rows:6} rows  {outcome.name}\n"
            f"             {outcome.told[:200]}",
            flush=True,
        )
    counts = Counter(outcome.kind for outcome in found)
    passed, total = counts["certificate"] + counts["quantized"], len(found)
    print(f"\n{passed} of {total} end in a certificate ({100 * passed / max(total, 1):.0f} %)")
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())))
    if arguments.update:
        write_outcomes({outcome.name: outcome for outcome in found})


def write_outcomes(found: dict[str, Outcome]) -> None:
    """Write what became of these entries, and on how many rows, into the manifest."""
    blocks = MANIFEST.read_text().rstrip("\n").split("\n\n")
    for place, block in enumerate(blocks):
        if not block.startswith("[["):
            continue
        ((entry,),) = tomllib.loads(block).values()
        outcome = found.get(name_of(entry))
        if outcome is None:
            continue
        kept = [line for line in block.splitlines() if not line.startswith(("outcome =", "rows ="))]
        kept.append(f'outcome = "{outcome.kind}"')
        kept += [f"rows = {outcome.rows}"] * (outcome.rows > 0)
        blocks[place] = "\n".join(kept)
    MANIFEST.write_text("\n\n".join(blocks) + "\n")


def _limited(entry: dict[str, Any], path: Path | None, seconds: float) -> Outcome:
    """Judge a file in a process of its own, which is ended when it takes too long."""
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        waiting = pool.apply_async(judge, (entry, path))
        try:
            return waiting.get(seconds)
        except multiprocessing.TimeoutError:
            told = f"takes more than {seconds:.0f} s"
            return Outcome(name_of(entry), "fault", told, 0, seconds)


if __name__ == "__main__":
    main()
