"""What every backend and every design it makes have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from netwright.errors import (
    ConfigError,
    CorruptOutput,
    DataError,
    NetwrightError,
    NumericsError,
    RunError,
)
from netwright.escape import PART, visible
from netwright.files import sha256, sync, workspace, write_text, writing
from netwright.ir import Array, Graph, save
from netwright.ir.interpret import Values
from netwright.reading import read_json

MANIFEST = "netwright.json"
"""File that marks a folder as a generated design and lists its files."""

GRAPH = "graph.npz"
"""File in a design that holds the integer graph it was made from."""

MIN_CLOCK_MHZ, MAX_CLOCK_MHZ = 1.0, 100_000.0
"""Lowest and highest clock frequency of a target."""

CLOCK_MHZ = 200.0
"""Clock frequency of a target unless another is asked for."""

BUILD_FOLDER = "build"
"""Folder inside a design for everything made from it; not part of the design's files."""


def takes_reals(backend: object) -> bool:
    """Whether designs of a backend compute real values, so that float files are for it.

    A backend says so by an attribute ``takes_reals``.
    """
    return bool(getattr(backend, "takes_reals", False))


@dataclass(frozen=True, slots=True)
class Target:
    """What a design is made for.

    Attributes:
        part: Device name in the words of its vendor.
        clock_mhz: Clock frequency in megahertz.

    Raises:
        ConfigError: The part has no name, or the frequency is out of range.
    """

    part: str
    clock_mhz: float

    def __post_init__(self) -> None:
        faults = list(target_faults(self.part, self.clock_mhz))
        if faults:
            raise ConfigError(faults)


def target_faults(part: str, clock_mhz: float) -> Iterator[str]:
    """What is wrong with a target, one sentence a fault."""
    if not part:
        yield "part must be the name of a device, not empty"
    elif not PART.fullmatch(part):
        yield (
            "part must be the name of a device (up to 64 letters, digits and . _ + -), "
            f'not "{visible(part)}"'
        )
    yield from clock_faults(clock_mhz)


def clock_faults(clock_mhz: float) -> Iterator[str]:
    """What is wrong with a clock frequency."""
    low, high = MIN_CLOCK_MHZ, MAX_CLOCK_MHZ
    if not low <= clock_mhz <= high:
        yield f"clock_mhz must be from {low:g} to {high:g} megahertz, not {clock_mhz}"


Capability = Literal["build", "measure", "prove", "route"]
"""What a design can do besides being executed.

``build``: compile what executes it, once. ``prove``: show for every input that it computes its
products. ``measure``: count what it takes of its part. ``route``: place and route it there.
"""


class Design(Protocol):
    """A generated design on disk; like the interpreter, an :class:`~netwright.ir.Executable`.

    A design that says that it has a capability has the method of that name; see
    :class:`~netwright.testing.BackendSuite`.
    """

    @property
    def root(self) -> Path:
        """Folder that holds the design."""

    @property
    def graph(self) -> Graph:
        """The integer graph it was made from."""

    @property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of every generated file, by its path inside `root`."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do besides being executed."""

    @property
    def executed_as(self) -> str:
        """What :meth:`run` executes, as certificates call it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What will not be as asked, one sentence each."""

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> Mapping[str, Array]:
        """Execute on a batch of real inputs; see :class:`~netwright.ir.Executable`."""


def build(design: Design) -> None:
    """Compile what executes a design, where it has such a thing."""
    if "build" in design.capabilities:
        design.build()  # type: ignore[attr-defined]


class Backend(Protocol):
    """Makes designs from integer graphs.

    One whose designs need extras or programs to be executed names them in an attribute `requires`,
    as stages do (:class:`~netwright.run.Stage`): `convert` looks for them before it begins. One
    that shall be named where another has no hardware for an operator lists those that it makes in
    an attribute `operators`.
    """

    def generate(self, graph: Graph, out: str | Path) -> Design:
        """Write a design for `graph` to the folder `out`, whole or not at all."""

    def open(self, folder: str | Path) -> Design:
        """The design that a backend of this kind wrote to `folder`, with the options it had."""


def refuse_groups(graph: Graph, where: str) -> None:
    """Refuse a graph with a tensor whose neighbors are coded together.

    Args:
        graph: A graph in the integer form.
        where: What cannot store such a tensor.

    Raises:
        NumericsError: It has one; the message names it.
    """
    for name, tensor in graph.types.items():
        if tensor.dtype.group > 1:
            raise NumericsError(
                f"{tensor.dtype} codes {tensor.dtype.group} neighbors together, and {where} stores "
                "each element by itself",
                tensor=name,
                hint="quantize it with Quant, or give its type an integer format that holds its "
                "values: tensor.with_number(Int(8))",
            )


def file_digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file below `root` but the manifest and :data:`BUILD_FOLDER`, sorted."""
    digests = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name != MANIFEST and not name.startswith(f"{BUILD_FOLDER}/"):
            digests[name] = sha256(path)
    return digests


def folder_digest(root: Path) -> str:
    """SHA-256 of all of them as they are now."""
    return hashlib.sha256(repr(sorted(file_digests(root).items())).encode()).hexdigest()


def present_files(root: Path, names: Iterable[str]) -> list[Path]:
    """The paths of a design's files.

    Raises:
        CorruptOutput: One is missing.
    """
    paths = [root / name for name in names]
    for path in paths:
        if not path.exists():
            raise CorruptOutput(str(path), hint="generate the design again")
    return paths


def intact_files(
    root: Path, files: Mapping[str, str], *, hint: str | None = None
) -> tuple[Path, ...]:
    """The paths of a design's files, which have the digests that they were published with.

    Raises:
        CorruptOutput: One is missing or was changed.
    """
    found = file_digests(root)
    for name, digest in files.items():
        if found.get(name) != digest:
            raise CorruptOutput(str(root / name), hint=hint)
    return tuple(root / name for name in files)


def publish(
    out: Path,
    graph: Graph,
    *,
    kind: str,
    about: Mapping[str, object],
    write: Callable[[Path], object],
) -> dict[str, str]:
    """Make the folder `out` of a design appear whole or not at all, with its graph.

    Args:
        out: The folder.
        graph: What the design is made from; it is written beside the files.
        kind: Kind of design, recorded in the manifest.
        about: What else the manifest records; plain data for JSON.
        write: Writes the files into the folder it gets.

    Returns:
        SHA-256 of every file, by its path inside `out`.

    Raises:
        RunError: `out` holds something else, or cannot be written; `out` is as it was before.
    """

    def write_all(folder: Path) -> None:
        write(folder)
        save(graph, folder / GRAPH)

    made_from = {"name": graph.name, "digest": graph.digest}
    return publish_files(out, kind=kind, about={"graph": made_from, **about}, write=write_all)


def publish_files(
    out: Path, *, kind: str, about: Mapping[str, object], write: Callable[[Path], object]
) -> dict[str, str]:
    """Make the folder `out` appear whole or not at all.

    The files are written beside `out` first. An older design of the same kind is replaced; one
    with the same files is left alone, with everything already built from it.

    Args:
        out: The folder.
        kind: Kind of design, recorded in the manifest.
        about: What else the manifest records; plain data for JSON.
        write: Writes the files into the folder it gets.

    Returns:
        SHA-256 of every file, by its path inside `out`.

    Raises:
        RunError: `out` holds something else, or cannot be written; `out` is as it was before.
    """
    _check_replaceable(out, kind)
    with writing(out), workspace(out.parent) as folder:
        staging, retired = folder / "new", folder / "old"
        staging.mkdir()
        write(staging)
        digests = file_digests(staging)
        record = {"schema_version": 1, "kind": kind, **about, "files": digests}
        text = json.dumps(record, indent=2, sort_keys=True) + "\n"
        if _is_unchanged(out, text):
            return digests
        sync(staging)
        write_text(staging / MANIFEST, text)
        if out.exists():
            out.replace(retired)
        try:
            staging.replace(out)
        except OSError:
            if retired.exists() and not out.exists():
                retired.replace(out)
            raise
    return digests


def publish_texts(
    out: Path, texts: Mapping[str, str], *, kind: str, about: Mapping[str, object]
) -> dict[str, str]:
    """The same with the texts of all files, by their paths inside `out`.

    Raises:
        RunError: `out` holds something else, or cannot be written; `out` is as it was before.
    """

    def write(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_text(folder / name, text)

    return publish_files(out, kind=kind, about=about, write=write)


def _check_replaceable(out: Path, kind: str) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    found = _manifest(out).get("kind") if out.is_dir() else None
    if found is None and (out / MANIFEST).is_file():
        raise RunError(
            f"{out}: its {MANIFEST} is damaged, so that it does not say what made the folder",
            hint="delete the folder, or choose another one",
        )
    if found != kind:
        what = f'holds a design of kind "{found}"' if found else "was not made by netwright"
        raise RunError(
            f"{out}: exists and {what}; it is left alone",
            hint=f'choose a folder that does not exist, is empty, or holds a "{kind}" design',
        )


def _manifest(root: Path) -> dict[str, object]:
    try:
        record = read_json(root / MANIFEST)
    except DataError:
        return {}
    return record if isinstance(record, dict) else {}


def _is_unchanged(out: Path, manifest: str) -> bool:
    try:
        if (out / MANIFEST).read_text() != manifest:
            return False
        recorded = _manifest(out).get("files")
        return file_digests(out) == recorded
    except (OSError, NetwrightError):
        return False
