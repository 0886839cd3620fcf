"""Generation of the table of jets: chunks made by worker processes, resumable, reproducible.

The simulation itself is in `netwright.tasks.jets_collisions`. It needs the extra ``physics``,
whose packages are under the GPL; they make numbers and are not needed to use them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, RunError, require
from netwright.files import write_atomic, write_text
from netwright.processes import default_threads, follow_parent
from netwright.progress import Progress, silent
from netwright.reading import parse_array, read_bytes
from netwright.tasks.card import Card, format_card
from netwright.tasks.jets import card_path
from netwright.tasks.jets_clustering import PURPOSE
from netwright.tasks.jets_collisions import CUTS, RECIPE, generate_chunk
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.split import check_seed
from netwright.tasks.table import MAX_BYTES, MAX_ROWS, Table, digest, write_table

JETS_PER_CHUNK = 2000
MAX_WORKERS = 256
MIN_JETS = 5 * len(CLASSES)
PACKAGES = ("pythia8mc", "fastjet", "awkward", "numpy", "netwright")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

"""Called with the jets done and the jets in all, at the start and after every chunk."""


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """A piece of work: so many jets of one class."""

    label: int
    number: int
    num_jets: int

    def file_name(self, seed: int) -> str:
        """Return the name of the chunk's file, which holds all that its content depends on."""
        name = CLASSES[self.label]
        return f"{name}-{self.number:05d}-{self.num_jets}-seed{seed}-recipe{RECIPE}.npy"


def generate_jets(
    out: Path | str,
    *,
    num_jets: int,
    seed: int = 7,
    workers: int | None = None,
    progress: Progress = silent,
) -> Card:
    """Simulate jets and write them as a table with a data card beside it.

    Classes are balanced; where the number does not divide, the first classes get one jet more.
    Equal arguments give equal bytes, whatever the number of workers. Finished chunks are kept in
    ``OUT.parts/`` until the table is written, so the same call continues after an interruption.
    Workers are fresh processes: a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        out: Path of the table, ending in ``.npz``; it must not exist.
        num_jets: Jets of all classes together, 25 to 10 000 000.
        seed: Seed of the simulation, 0 to 2^63 - 1.
        workers: Processes at once, 1 to 256; all cores by default.
        progress: Told of the jets of every chunk.

    Returns:
        The data card.

    Raises:
        ConfigError: An argument is out of range, or the file exists.
        MissingExtra: pythia8mc, fastjet or awkward is not installed.
        RunError: A file cannot be written, or the simulation fails.
    """
    out = Path(out)
    processes = default_threads() if workers is None else workers
    _check_arguments(out, num_jets, seed, processes)
    for package in ("pythia8mc", "fastjet", "awkward"):
        require(package, extra="physics", purpose=PURPOSE)
    parts = out.with_name(out.name + ".parts")
    chunks = plan_chunks(num_jets)
    _fill_parts(parts, chunks, seed, processes, progress)
    blocks = [_read_part(parts, chunk, seed) for chunk in chunks]
    features = np.concatenate([block for block in blocks if block is not None])
    labels = np.repeat([chunk.label for chunk in chunks], [chunk.num_jets for chunk in chunks])
    table = Table(features, labels.astype(np.int64))
    card = _describe(table, seed)
    write_table(out, table)
    write_text(card_path(out), format_card(card))
    _remove_parts(parts, chunks, seed)
    return card


def plan_chunks(num_jets: int) -> list[Chunk]:
    """Return the chunks of a table, class by class."""
    chunks = []
    for label in range(len(CLASSES)):
        rows = num_jets // len(CLASSES) + (label < num_jets % len(CLASSES))
        starts = range(0, rows, JETS_PER_CHUNK)
        chunks += [
            Chunk(label, number, min(JETS_PER_CHUNK, rows - start))
            for number, start in enumerate(starts)
        ]
    return chunks


def _check_arguments(out: Path, num_jets: int, seed: int, workers: int) -> None:
    """Raise ConfigError for the first argument that is not accepted."""
    if not MIN_JETS <= num_jets <= MAX_ROWS:
        raise ConfigError(f"jets must be {MIN_JETS} to {MAX_ROWS}, not {num_jets}")
    if not 1 <= workers <= MAX_WORKERS:
        raise ConfigError(f"workers must be 1 to {MAX_WORKERS}, not {workers}")
    check_seed(seed)
    if out.suffix != ".npz":
        raise ConfigError(f'out must end in .npz, not "{out.name}"')
    taken = [str(path) for path in (out, card_path(out)) if path.exists()]
    if taken:
        raise ConfigError(
            f"out exists already: {', '.join(taken)}", hint="delete it or choose another path"
        )


def _fill_parts(
    parts: Path, chunks: list[Chunk], seed: int, workers: int, progress: Progress
) -> None:
    """Generate the chunks whose files are missing or damaged."""
    missing = [chunk for chunk in chunks if _read_part(parts, chunk, seed) is None]
    total = sum(chunk.num_jets for chunk in chunks)
    done = total - sum(chunk.num_jets for chunk in missing)
    progress(done, total, "jets")
    if not missing:
        return
    with _pool(min(workers, len(missing))) as pool:
        futures = {
            pool.submit(generate_chunk, chunk.label, chunk.number, chunk.num_jets, seed): chunk
            for chunk in missing
        }
        for future in as_completed(futures):
            chunk = futures[future]
            try:
                rows = future.result()
            except BrokenProcessPool as error:
                raise RunError(
                    f'a worker process ended while jets of class "{CLASSES[chunk.label]}" '
                    "were generated",
                    hint="run the same command again to continue; fewer workers need less memory",
                ) from error
            _write_part(parts, chunk, seed, rows)
            done += chunk.num_jets
            progress(done, total, "jets")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool whose processes use one thread each; on an error, end them at once.

    Sums by several threads would depend on their number in the last bits. NumPy's library reads
    the variables when it is loaded, so the processes must inherit them.
    """
    saved = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    others = active_children()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        for process in active_children():
            if process not in others:
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=True)
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Silence PYTHIA's and FastJet's banners, and end with the parent."""
    follow_parent()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)


def _write_part(parts: Path, chunk: Chunk, seed: int, rows: NDArray[np.float32]) -> None:
    path = parts / chunk.file_name(seed)
    write_atomic(path, lambda stream: np.save(stream, rows, allow_pickle=False))


def _read_part(parts: Path, chunk: Chunk, seed: int) -> NDArray[np.float32] | None:
    """Return the rows of a finished chunk; None if its file is missing or damaged."""
    path = parts / chunk.file_name(seed)
    try:
        rows = parse_array(read_bytes(path, most=MAX_BYTES), path)
    except DataError:
        return None
    fits = rows.dtype == np.float32 and rows.shape == (chunk.num_jets, len(FEATURES))
    return rows if fits and np.isfinite(rows).all() else None


def _remove_parts(parts: Path, chunks: list[Chunk], seed: int) -> None:
    """Remove the chunks of this table, and the folder if nothing else is in it."""
    for chunk in chunks:
        (parts / chunk.file_name(seed)).unlink(missing_ok=True)
    if not any(parts.iterdir()):
        parts.rmdir()


def _describe(table: Table, seed: int) -> Card:
    """Return the data card of a table made here."""
    counts = np.bincount(table.labels, minlength=len(CLASSES)).tolist()
    return Card(
        title=f"{len(table.labels)} simulated jets in five classes: gluon, quark, W, Z, top",
        recipe=(
            f"netwright recipe {RECIPE}: hard processes and showers by PYTHIA 8, jets by FastJet, "
            "16 substructure features as in the public hls4ml LHC jet data"
        ),
        synthetic=True,
        sha256=digest(table),
        cuts=CUTS,
        license=(
            "generated numbers only, under the license of netwright; made with PYTHIA and FastJet, "
            "which are under the GPL, are not included and are not needed to use the table"
        ),
        remarks=(
            "Initial-state radiation is off and no detector is simulated, which makes the task "
            "about as hard as the public set; accuracies of the two are not comparable one to one.",
            "j_d2_b1_mmdt and j_d2_a1_b1_mmdt are equal by definition.",
            "The two jets of an event may be in different splits.",
        ),
        seeds={"simulation": seed},
        counts=dict(zip(CLASSES, counts, strict=True)),
        versions={name: _version(name) for name in PACKAGES},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
