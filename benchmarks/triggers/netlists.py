"""Verilog that others' generators made where the user ran them: TreeLUT, DWN, NeuraLUT, LogicNets.

Their repositories ship programs, not trained designs. A folder in ``netlists`` holds what one of
them wrote, and a ``card.toml`` that says what it is::

    design = "TreeLUT II"
    data = "OpenML"              # OpenML, CERNBox or shipped
    verilog = "verilog"          # folder beside the card; contents of memories may lie there, too
    top = "TreeLUT"              # may be left out where it is clear
    encoder = "inside"           # or "outside": the design reads codes that something else makes
    accuracy = "75.0 % published"
    published = "796 LUT (Vivado; arXiv ...)"
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.triggers.contestants import UNKNOWN, Contestant, Theirs, Unusable
from netwright.backends.rtl import read_foreign
from netwright.errors import NetwrightError
from netwright.reading import read_toml

DATA = ("OpenML", "CERNBox", "shipped")
WORDS = ("design", "data", "verilog", "encoder", "accuracy")
OPTIONAL = ("top", "published", "note")
MOST_CHARACTERS = 200


def contestants(folder: Path) -> Iterator[Contestant]:
    """One row for every card; a card that is wrong is a row that says so."""
    cards = sorted(folder.glob("*/card.toml"))
    if not cards:
        raise Unusable(f"{folder} has no folder with a card.toml")
    for card in cards:
        try:
            yield _contestant(card)
        except Unusable as error:
            yield Contestant(card.parent.name, UNKNOWN, "theirs", "", _refusing(error))


def _contestant(card: Path) -> Contestant:
    try:
        said = read_toml(card)
    except NetwrightError as error:
        raise Unusable(f"{card}: cannot be read ({error})") from None
    wrong = [name for name in WORDS if not _is_text(said.get(name))]
    wrong += [
        name for name, value in said.items()
        if name not in WORDS and (name not in OPTIONAL or not _is_text(value))
    ]  # fmt: skip
    if wrong:
        raise Unusable(
            f"{card}: {', '.join(wrong)} must be texts of 1 to {MOST_CHARACTERS} characters; "
            f"known: {', '.join(WORDS + OPTIONAL)}"
        )
    if said["data"] not in DATA or said["encoder"] not in ("inside", "outside"):
        raise Unusable(f"{card}: data must be {', '.join(DATA)}, encoder inside or outside")
    if Path(said["verilog"]).is_absolute() or ".." in Path(said["verilog"]).parts:
        raise Unusable(f"{card}: verilog must be a folder below that of the card")
    noted = said.get("note")
    inside = "encoder inside" if said["encoder"] == "inside" else "codes; encoder not given"
    return Contestant(
        said["design"], said["data"], "theirs", said["accuracy"],
        lambda folder: Theirs(
            (read_foreign([card.parent / said["verilog"]], folder=folder, top=said.get("top")),)
        ),
        published=said.get("published", ""), note=f"{noted}; {inside}" if noted else inside,
    )  # fmt: skip


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= MOST_CHARACTERS
    )


def _refusing(error: Unusable):
    def make(folder: Path) -> Theirs:
        raise error

    return make
