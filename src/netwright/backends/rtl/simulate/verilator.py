"""Simulation: the Verilog compiled by Verilator and g++, driven in bulk through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.built import built_once
from netwright.backends.rtl.cells.circuit import Circuit, Port
from netwright.backends.rtl.cells.harmless import plain_sources
from netwright.backends.rtl.simulate.row_driver import PREFIX, WORD_BITS, harness, num_words
from netwright.backends.tools import GXX, VERILATOR, find, run_tool
from netwright.errors import BackendError
from netwright.files import cache_folder, write_text

COMPILE_FLAGS = ("-std=c++17", "-fPIC", "-O1", "-fno-gnu-unique", "-pthread", "-w")
LINK_FLAGS = ("-shared", "-Wl,-Bsymbolic")
VERILATE_FLAGS = ("--cc", "-O3", "--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-style")
UNDEFINED = ("SELRANGE", "UNDRIVEN", "MULTIDRIVEN", "IMPLICIT", "PINMISSING")
"""Faults whose result Verilog leaves open, so that a simulator may hide what synthesis builds.

Bits beyond a wire that are written and read again keep their value in Verilator, not in hardware.
"""
RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")
RUNTIME_HEADER = "verilated.h"
"""The simulator's own C++ (its makefile is not used: that of the PyPI package is incomplete)."""


def compile_simulation(
    circuit: Circuit,
    sources: Iterable[Path],
    *,
    build: Path,
    key: str,
    timeout_s: float,
    name: str = "simulation",
    models: Sequence[Path] = (),
    driver: str | None = None,
    options: Sequence[str] = (),
) -> Path:
    """Compile a design into a library, unless that was done before.

    Args:
        circuit: The design.
        sources: Its Verilog files.
        build: Folder for the library and the logs.
        key: Digest of the files.
        timeout_s: Wall-clock seconds each program gets.
        name: What the library and the logs are named after.
        models: Verilog files of cells that the sources use; only modules in use are compiled.
        driver: The C++ that drives it; one row a clock unless given.
        options: Further options of Verilator.

    Raises:
        ToolMissing: Verilator or g++ is not installed.
        ToolFailed: One of them ended with an error, or ran past its time.
        BackendError: A file asks for more than to compute.
    """
    build = build.resolve()  # the programs run in folders of their own
    library = build / f"{name}-{key}.so"
    root = find(VERILATOR).parent.parent
    text = driver or harness(circuit)
    refused = (
        () if models else [f"-W{how}-{kind}" for kind in UNDEFINED for how in ("warn", "error")]
    )
    flags = (*VERILATE_FLAGS, *refused, *options)

    def make(made: Path) -> None:
        folder = made.parent
        files = plain_sources(sources, folder)
        cells = [option for path in models for option in ("-v", path, f"-I{path.parent}")]
        run_tool(
            VERILATOR,
            [*flags, "--prefix", PREFIX, "--Mdir", ".",
             "--top-module", circuit.name, *cells, *files],
            cwd=folder,
            timeout_s=timeout_s,
            log=build / f"{name}-verilator.log",
            environment={"VERILATOR_ROOT": str(root)},
        )  # fmt: skip
        parts = [path.name for path in sorted(folder.glob("*.cpp"))]
        includes = "".join(f'#include "{part}"\n' for part in parts)  # headers are read once
        write_text(folder / "simulation.cpp", includes + text)
        header, objects = _runtime(root, timeout_s)
        run_tool(
            GXX,
            [*COMPILE_FLAGS, *LINK_FLAGS, *_includes(root), "-include", header,
             "simulation.cpp", *objects, "-o", made.name],
            cwd=folder,
            timeout_s=timeout_s,
            log=build / f"{name}.log",
        )  # fmt: skip

    all_flags = (flags, COMPILE_FLAGS, LINK_FLAGS)
    built_once(library, key=("verilated", key, str(root), all_flags, text), make=make)
    for old in build.glob(f"{name}-*.so"):
        if old != library:
            old.unlink(missing_ok=True)
    return library


def _includes(root: Path) -> tuple[str, str]:
    return f"-I{root / 'include'}", f"-I{root / 'include/vltstd'}"


def _runtime(root: Path, timeout_s: float) -> tuple[Path, list[Path]]:
    """Header and objects of the simulator's runtime, compiled once for this user.

    The header includes that of the simulator; g++ reads what was compiled of it beside it, or the
    text where that was made by another compiler.
    """
    digest = hashlib.sha256(repr((str(root), COMPILE_FLAGS)).encode())
    for name in (*RUNTIME_SOURCES, RUNTIME_HEADER):
        digest.update((root / "include" / name).read_bytes())
    key = digest.hexdigest()
    folder = cache_folder() / f"verilated-{key[:16]}"

    def compiled(name: str, source: Path, *how: str) -> Path:
        def make(made: Path) -> None:
            run_tool(
                GXX,
                [*COMPILE_FLAGS, *_includes(root), *how, source, "-o", made],
                cwd=folder,
                timeout_s=timeout_s,
                log=folder / f"{name}.log",
            )

        return built_once(folder / name, key=(name, key), make=make)

    header = folder / f"runtime-{RUNTIME_HEADER}"
    if not header.is_file():
        write_text(header, f'#include "{RUNTIME_HEADER}"\n')
    compiled(f"{header.name}.gch", header, "-x", "c++-header")
    objects = [compiled(f"{name}.o", root / "include" / name, "-c") for name in RUNTIME_SOURCES]
    return header, objects


def simulate(
    library: Path, circuit: Circuit, inputs: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """Run a batch of codes through the design, one row a clock.

    Args:
        library: What :func:`compile_simulation` made.
        circuit: The design.
        inputs: Codes by tensor, each (rows, elements).

    Returns:
        Codes of the outputs by tensor, each (rows, elements).

    Raises:
        BackendError: The library cannot be loaded, a row did not come out, or the latency is not
            the predicted one.
    """
    function = entry(library)
    function.restype = ctypes.c_int64
    words = ctypes.POINTER(ctypes.c_uint32)
    function.argtypes = [words, words, ctypes.c_size_t, ctypes.c_size_t]
    fed = fed_words(circuit, inputs)
    rows = len(fed)
    taken = np.zeros((rows, num_words(circuit.outputs)), dtype=np.uint32)
    clocks = rows + 2 * circuit.latency_cycles + 8
    if rows:
        latency = function(fed.ctypes.data_as(words), taken.ctypes.data_as(words), rows, clocks)
        check_latency(circuit, latency)
    return by_tensor(circuit, taken)


def fed_words(circuit: Circuit, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.uint32]:
    """Codes by tensor, each (rows, elements), as the words (rows, words) of all input ports.

    Ports behind the first may have one row, which is the same for all.
    """
    words = [pack(inputs[port.tensor], port) for port in circuit.inputs]
    rows = [np.broadcast_to(part, (len(words[0]), part.shape[1])) for part in words]
    return np.ascontiguousarray(np.concatenate(rows, axis=1))


def by_tensor(circuit: Circuit, taken: NDArray[np.uint32]) -> dict[str, NDArray[np.int64]]:
    """The words (rows, words) of all output ports as codes by tensor, each (rows, elements)."""
    results, start = {}, 0
    for port in circuit.outputs:
        stop = start - (-port.total_bits // WORD_BITS)
        results[port.tensor] = unpack(taken[:, start:stop], port)
        start = stop
    return results


def entry(library: Path) -> ctypes._NamedFuncPointer:
    """The function of a compiled simulation.

    Raises:
        BackendError: The library cannot be loaded.
    """
    try:
        return ctypes.CDLL(str(library.resolve())).simulate
    except (OSError, AttributeError) as error:
        raise BackendError(
            f"{library}: cannot be loaded ({error})", hint="delete it and build again"
        ) from error


def check_latency(circuit: Circuit, latency: int) -> None:
    """Refuse a simulation whose first row came out at another clock than predicted.

    Raises:
        BackendError: It did, or not every row came out (`latency` is -1).
    """
    if latency != circuit.latency_cycles:
        raise BackendError(
            f"the first row of {circuit.name} came out after {latency} clocks, not the "
            f"predicted {circuit.latency_cycles}"
            if latency >= 0
            else f"not every row of {circuit.name} came out"
        )


def pack(codes: NDArray[np.int64], port: Port) -> NDArray[np.uint32]:
    """Codes (rows, elements) as the words of a port (rows, words), lowest word first."""
    return packed(codes, port.bits)


def packed(codes: NDArray[np.int64], bits: int) -> NDArray[np.uint32]:
    """Codes (..., elements) of so many bits each as words (..., words), the first one lowest."""
    size = next(size for size in (1, 2, 4, 8) if bits <= 8 * size)
    octets = np.ascontiguousarray(codes.astype(f"<u{size}"))[..., None].view(np.uint8)
    if bits < 8 * size:
        wide = np.unpackbits(octets, axis=-1, bitorder="little", count=bits)
        flat = wide.reshape(*codes.shape[:-1], codes.shape[-1] * bits)
        octets = np.packbits(flat, axis=-1, bitorder="little")
    octets = octets.reshape(*codes.shape[:-1], -(-codes.shape[-1] * bits // 8))
    padding = [(0, 0)] * (octets.ndim - 1) + [(0, -octets.shape[-1] % (WORD_BITS // 8))]
    return np.ascontiguousarray(np.pad(octets, padding)).view("<u4")


def unpack(words: NDArray[np.uint32], port: Port) -> NDArray[np.int64]:
    """The codes (rows, elements) in the words of a port; the inverse of :func:`pack`."""
    octets = np.ascontiguousarray(words, dtype="<u4").view(np.uint8)
    bits = np.unpackbits(octets, axis=1, bitorder="little", count=port.total_bits)
    shaped = bits.reshape(len(words), port.num_elements, port.bits)
    codes = np.zeros(shaped.shape[:2], dtype=np.int64)
    for place in range(port.bits):
        codes |= shaped[:, :, place].astype(np.int64) << place
    if port.signed and port.bits < 64:
        codes -= (codes >> (port.bits - 1)) << port.bits
    return codes
