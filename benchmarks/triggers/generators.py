"""Verilog that alkaid and da4ml make, in the forms of which the best one counts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.distributed import NotThere, generate
from benchmarks.peer_design import check
from benchmarks.peers import PeerMissing
from benchmarks.triggers.contestants import LUTS, Theirs, Unusable
from netwright.backends.rtl import read_foreign, rtl
from netwright.ir import Graph

TERNARY = {"alkaid": (False, True), "da4ml": (False,)}
"""Whether adders of two operands are fused into adders of three."""

_SUM = re.compile(r"^(\s*)(wire\b[^;=]*\baccum\b)", re.MULTILINE)


def made_in(folder: Path, tool: str, *, ternary: bool) -> Path:
    """Where one form goes."""
    return folder / f"{tool}{'-ternary' * ternary}"


def forms(folder: Path, top: str, places: Sequence[Path]) -> Theirs:
    """Each with carry chains that synthesis may break, and the first with chains kept whole."""
    kept = places[0].with_name(f"{places[0].name}-kept")
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(places[0] / "src", kept)
    for path in kept.rglob("*_adder.v"):
        path.write_text(_SUM.sub(r"\1(* keep *) \2", path.read_text()))
    sources = {f"build-{made.name}": made / "src" for made in places} | {f"build-{kept.name}": kept}
    return Theirs(
        tuple(
            read_foreign([source], folder=folder / name, top=top)
            for name, source in sources.items()
        )
    )


def of_graph(tool: str, graph: Graph, folder: Path) -> Theirs:
    """A tool's Verilog of a graph of ours, executed after synthesis before it counts.

    Raises:
        Unusable: The tool cannot be installed, or has no way to say what the graph holds.
    """
    ports = rtl(part=LUTS).generate(graph, folder / "ports").circuit
    places = []
    for ternary in TERNARY[tool]:
        made = made_in(folder, tool, ternary=ternary)
        try:
            peer = generate(tool, graph, ports, made, ternary=ternary)
        except (NotThere, PeerMissing) as error:
            raise Unusable(f"{tool}: {error}") from None
        check(graph, peer.design.netlist(LUTS))
        places.append(made)
    return forms(folder, f"{tool}_{graph.name}", places)
