"""The emulation: the project's C++ compiled by g++ and called through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.built import built_once
from netwright.backends.hls.emulation_text import EMULATION_SOURCE, ROWS_FUNCTION
from netwright.backends.tools import GXX, Tool, run_tool
from netwright.errors import BackendError
from netwright.processes import default_threads

FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-fno-gnu-unique",
    "-Wl,-Bsymbolic",
    "-Wno-attributes",
    "-DNDEBUG",
)
"""Symbols stay private to the library: two designs in one process have classes of one name.

``ap_fixed`` reads a bit beyond a narrow value, and drops it, where all bits are rounded away; its
assertion would end this process.
"""

STACK_BYTES = 1 << 30
"""Stack of a thread that runs firmware; address space only, until it is used."""


class _Stacks:
    """Who needs deep stacks now, and how deep they were before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.callers = 0
        self.before = 0


_STACKS = _Stacks()

_Doubles = ctypes.POINTER(ctypes.c_double)


def compile_emulation(
    project: Path,
    files: Mapping[str, str],
    *,
    timeout_s: float,
    build: Path,
    compiler: Tool = GXX,
) -> Path:
    """Compile the emulation of a project, unless that was done before with these files.

    Args:
        project: Folder of the project.
        files: SHA-256 of the project's files, by path.
        timeout_s: Wall-clock seconds the compiler gets.
        build: Folder for the library and the compiler's log.
        compiler: The compiler.

    Returns:
        The library.

    Raises:
        ToolMissing: There is no compiler.
        ToolFailed: It ended with an error, or ran past its time.
        RunError: The folder cannot be written.
    """
    key = (sorted(files.items()), FLAGS, compiler.command)
    library = build / f"emulation-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.so"

    def make(made: Path) -> None:
        run_tool(
            compiler,
            [
                *FLAGS,
                "-Ifirmware/ap_types",
                EMULATION_SOURCE,
                "-o",
                made.resolve(),
            ],
            cwd=project,
            timeout_s=timeout_s,
            log=build / "emulation.log",
        )

    built_once(library, key=("emulation", *key), make=make)
    for old in build.glob("emulation-*.so"):
        if old != library:
            old.unlink(missing_ok=True)
    return library


def run_emulation(
    library: Path,
    inputs: Sequence[NDArray[np.float64]],
    output_sizes: Sequence[int],
    trace_sizes: Sequence[int] = (),
    *,
    parallel: bool = False,
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Run the firmware on the rows of a batch.

    Args:
        library: What :func:`compile_emulation` made.
        inputs: One (rows, size) array for each input of the firmware, C-contiguous.
        output_sizes: Values per row of each output.
        trace_sizes: Values per row of each traced layer.
        parallel: Whether rows may be spread over threads (the firmware keeps no state).

    Returns:
        The outputs and the traces, each (rows, size).

    Raises:
        BackendError: The library cannot be loaded.
    """
    try:
        function = getattr(ctypes.CDLL(str(library.resolve())), ROWS_FUNCTION)
    except (OSError, AttributeError) as error:
        raise BackendError(
            f"{library}: cannot be loaded ({error})", hint="delete it and build again"
        ) from error
    function.restype = None
    function.argtypes = [ctypes.POINTER(_Doubles)] * 3 + [ctypes.c_size_t]
    rows = len(inputs[0])
    outputs = [np.empty((rows, size)) for size in output_sizes]
    traces = [np.empty((rows, size)) for size in trace_sizes]

    def execute(part: slice) -> None:
        groups = ([array[part] for array in group] for group in (inputs, outputs, traces))
        fed, taken, traced = map(_pointers, groups)
        function(fed, taken, traced if traces else None, part.stop - part.start)

    first = min(1, rows)
    workers = default_threads() if parallel and not traces else 1
    step = max(1, -(-(rows - first) // workers))
    parts = [slice(start, min(start + step, rows)) for start in range(first, rows, step)]
    with _deep_stacks(), ThreadPoolExecutor(max_workers=workers) as pool:
        pool.submit(execute, slice(0, first)).result()
        list(pool.map(execute, parts))
    return outputs, traces


@contextmanager
def _deep_stacks() -> Iterator[None]:
    """Threads started inside get a deep stack: the firmware keeps its tensors there.

    The size belongs to the whole process, so the last one of several callers puts it back.
    """
    with _STACKS.lock:
        if not _STACKS.callers:
            _STACKS.before = threading.stack_size(STACK_BYTES)
        _STACKS.callers += 1
    try:
        yield
    finally:
        with _STACKS.lock:
            _STACKS.callers -= 1
            if not _STACKS.callers:
                threading.stack_size(_STACKS.before)


def _pointers(
    arrays: Sequence[NDArray[np.float64]],
) -> ctypes.Array[ctypes._Pointer[ctypes.c_double]]:
    return (_Doubles * max(len(arrays), 1))(*(array.ctypes.data_as(_Doubles) for array in arrays))
