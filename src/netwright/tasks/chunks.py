"""Generation of tables in chunks: by worker processes, resumable, equal bytes for equal arguments.

A recipe makes chunks of rows; each depends on its label, its number and the seed alone. Finished
chunks lie in ``OUT.parts/`` until the table is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, RunError
from netwright.files import write_atomic
from netwright.processes import default_threads, follow_parent
from netwright.progress import Progress, silent
from netwright.reading import parse_array, read_bytes
from netwright.tasks.card import card_path
from netwright.tasks.split import check_seed

MAX_ROWS = 10_000_000
MAX_WORKERS = 256
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_ROWS_OF_A_LABEL = 5  # a split needs so many


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the rows of a table are made.

    Attributes:
        what: What a row is, in the plural.
        label: What tells the rows apart, such as ``"class"``.
        names: Of the labels.
        version: Raised by any change of what is made.
        columns: Values of a row.
        rows_per_chunk: At most.
        make: Makes a chunk of label, number, rows and seed: float32, (rows, columns). It is called
            in other processes, so it must be a function of a module.
    """

    what: str
    label: str
    names: tuple[str, ...]
    version: int
    columns: int
    rows_per_chunk: int
    make: Callable[[int, int, int, int], NDArray[np.float32]]

    def chunks(self, num_rows: int) -> list[Chunk]:
        """The chunks of a table, label by label; where it does not divide, the first get more."""
        chunks = []
        for label in range(len(self.names)):
            rows = num_rows // len(self.names) + (label < num_rows % len(self.names))
            starts = range(0, rows, self.rows_per_chunk)
            chunks += [
                Chunk(label, number, min(self.rows_per_chunk, rows - start))
                for number, start in enumerate(starts)
            ]
        return chunks

    def file_name(self, chunk: Chunk, seed: int) -> str:
        """The name of a chunk's file, which holds all that its content depends on."""
        name = self.names[chunk.label]
        return f"{name}-{chunk.number:05d}-{chunk.num_rows}-seed{seed}-recipe{self.version}.npy"


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """A piece of work: so many rows of one label."""

    label: int
    number: int
    num_rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What was made: values, (rows, columns), and labels, (rows,)."""

    values: NDArray[np.float32]
    labels: NDArray[np.int64]


@contextmanager
def generated(
    out: Path,
    recipe: Recipe,
    *,
    num_rows: int,
    seed: int,
    workers: int | None = None,
    progress: Progress = silent,
) -> Iterator[Rows]:
    """Make the rows of a table, to be written inside the ``with``; the parts are removed then.

    Workers are fresh processes: a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        out: Path of the table, ending in ``.npz``; it must not exist, nor its card.
        recipe: Makes the rows.
        num_rows: Of all labels together, 5 a label to 10 000 000.
        seed: 0 to 2^63 - 1.
        workers: Processes at once, 1 to 256; the free cores by default.
        progress: Told of the rows of every chunk.

    Raises:
        ConfigError: An argument is out of range, or the file exists.
        RunError: A file cannot be written, or a worker process ended.
    """
    processes = default_threads() if workers is None else workers
    check_arguments(out, recipe, num_rows=num_rows, seed=seed, workers=processes)
    parts = out.with_name(out.name + ".parts")
    chunks = recipe.chunks(num_rows)
    _fill_parts(parts, recipe, chunks, seed, processes, progress)
    blocks = [_read_part(parts, recipe, chunk, seed) for chunk in chunks]
    values = np.concatenate([block for block in blocks if block is not None])
    labels = np.repeat([chunk.label for chunk in chunks], [chunk.num_rows for chunk in chunks])
    yield Rows(values, labels.astype(np.int64))
    for chunk in chunks:
        (parts / recipe.file_name(chunk, seed)).unlink(missing_ok=True)
    if not any(parts.iterdir()):
        parts.rmdir()


def check_arguments(out: Path, recipe: Recipe, *, num_rows: int, seed: int, workers: int) -> None:
    """Raise ConfigError for the first argument that :func:`generated` does not accept."""
    fewest = _ROWS_OF_A_LABEL * len(recipe.names)
    if not fewest <= num_rows <= MAX_ROWS:
        raise ConfigError(f"{recipe.what} must be {fewest} to {MAX_ROWS}, not {num_rows}")
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


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Versions of installed packages, for a data card."""
    return {name: _version(name) for name in names}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _fill_parts(
    parts: Path, recipe: Recipe, chunks: list[Chunk], seed: int, workers: int, progress: Progress
) -> None:
    """Generate the chunks whose files are missing or damaged."""
    missing = [chunk for chunk in chunks if _read_part(parts, recipe, chunk, seed) is None]
    total = sum(chunk.num_rows for chunk in chunks)
    done = total - sum(chunk.num_rows for chunk in missing)
    progress(done, total, recipe.what)
    if not missing:
        return
    with _pool(min(workers, len(missing))) as pool:
        futures = {
            pool.submit(recipe.make, chunk.label, chunk.number, chunk.num_rows, seed): chunk
            for chunk in missing
        }
        for future in as_completed(futures):
            chunk = futures[future]
            try:
                rows = future.result()
            except BrokenProcessPool as error:
                raise RunError(
                    f"a worker process ended while {recipe.what} of {recipe.label} "
                    f'"{recipe.names[chunk.label]}" were generated',
                    hint="run the same command again to continue; fewer workers need less memory",
                ) from error
            _write_part(parts / recipe.file_name(chunk, seed), rows)
            done += chunk.num_rows
            progress(done, total, recipe.what)


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
    """Silence the banners of simulations, and end with the parent."""
    follow_parent()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)


def _write_part(path: Path, rows: NDArray[np.float32]) -> None:
    write_atomic(path, lambda stream: np.save(stream, rows, allow_pickle=False))


def _read_part(parts: Path, recipe: Recipe, chunk: Chunk, seed: int) -> NDArray[np.float32] | None:
    """Return the rows of a finished chunk; None if its file is missing or damaged."""
    path = parts / recipe.file_name(chunk, seed)
    try:
        rows = parse_array(read_bytes(path, most=4 * MAX_ROWS * recipe.columns), path)
    except DataError:
        return None
    fits = rows.dtype == np.float32 and rows.shape == (chunk.num_rows, recipe.columns)
    return rows if fits and np.isfinite(rows).all() else None
