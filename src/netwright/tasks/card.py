"""Data cards: where a table comes from, as a TOML file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from netwright.errors import DataError
from netwright.escape import toml_key, toml_string
from netwright.reading import read_toml


@dataclass(frozen=True, slots=True)
class Card:
    """Provenance of a table.

    Attributes:
        title: One line that names the data.
        recipe: How the data were made, in sentences.
        synthetic: True for simulated data; ``None`` if nobody knows.
        sha256: Hex digest of the table's content, see `netwright.tasks.table.digest`.
        cuts: Settings and selections, one a line.
        license: Remark on the rights to the data.
        remarks: What a user of the data must know.
        seeds: Seeds by purpose.
        counts: Rows by class name.
        versions: Package versions by package name.
    """

    title: str
    recipe: str
    synthetic: bool | None
    sha256: str
    cuts: tuple[str, ...] = ()
    license: str = ""
    remarks: tuple[str, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


CARD_SUFFIX = ".card.toml"

_TEXTS = ("title", "recipe", "sha256", "license")
_LISTS = ("cuts", "remarks")
_TABLES: dict[str, type] = {"seeds": int, "counts": int, "versions": str}


def card_path(table_path: Path) -> Path:
    """Return where the data card of a table lies: beside it, with the suffix ``.card.toml``."""
    return table_path.with_suffix(CARD_SUFFIX)


def unknown_card(name: str, digest: str) -> Card:
    """Return the card of data of which nobody wrote down where they come from."""
    return Card(
        title=f"data without a card, {name}",
        recipe="unknown",
        synthetic=None,
        sha256=digest,
        license="unknown",
    )


def format_card(card: Card) -> str:
    """Return the card as TOML, the same text for the same card; `read_card` reverses it."""
    lines = [f"title = {toml_string(card.title)}", f"recipe = {toml_string(card.recipe)}"]
    if card.synthetic is not None:
        lines += [f"synthetic = {str(card.synthetic).lower()}"]
    lines += [f"sha256 = {toml_string(card.sha256)}"]
    lines += [f"license = {toml_string(card.license)}"]
    for name in _LISTS:
        lines += [f"{name} = [", *(f"  {toml_string(text)}," for text in getattr(card, name)), "]"]
    for name in _TABLES:
        lines += ["", f"[{name}]"]
        lines += [
            f"{toml_key(key)} = {toml_string(value) if isinstance(value, str) else value}"
            for key, value in getattr(card, name).items()
        ]
    return "\n".join(lines) + "\n"


def card_beside(table_path: Path, sha256: str, *, needed: bool) -> Card:
    """The card beside a table.

    Args:
        table_path: The table.
        sha256: Digest of its content; a card in which it is empty is taken for any.
        needed: Whether a table without a card is refused; it is described in a few words if not.

    Raises:
        DataError: The card cannot be read, or describes another content.
    """
    beside = card_path(table_path)
    if not needed and not beside.exists():
        return unknown_card(table_path.name, sha256)
    card = read_card(beside)
    if card.sha256 not in ("", sha256):
        raise DataError(
            f"its rows have the digest {sha256}, its card says {card.sha256}",
            source=str(table_path),
            hint=f"{table_path.name} or {beside.name} was changed; install or generate both again",
        )
    return replace(card, sha256=sha256)


def read_card(path: Path) -> Card:
    """Read a data card.

    Raises:
        DataError: The file cannot be read, is not TOML, or a field is missing, unknown or of the
            wrong type.
    """
    raw = read_toml(path, kind=DataError, hint=_HINT)
    faults = _faults(raw)
    if faults:
        raise DataError("; ".join(faults), source=str(path), hint=_HINT)
    raw.setdefault("synthetic", None)
    for name in _LISTS:
        raw[name] = tuple(raw.get(name, ()))
    for name in _TABLES:
        raw[name] = dict(raw.get(name, {}))
    return Card(**raw)


_HINT = "a data card is TOML with title, recipe, synthetic and sha256; see docs/tasks-jets.md"


def _faults(raw: Mapping[str, object]) -> list[str]:
    """Return every field that is missing, unknown or of the wrong type."""
    known = [item.name for item in fields(Card)]
    faults = [f'unknown field "{name}"' for name in raw if name not in known]
    faults += [
        f'field "{name}" is missing' for name in ("title", "recipe", "sha256") if name not in raw
    ]
    for name, value in raw.items():
        if name in _TEXTS and not isinstance(value, str):
            faults.append(f'field "{name}" must be a string, not {value!r}')
        elif name == "synthetic" and not isinstance(value, bool):
            faults.append(f'field "synthetic" must be true or false, not {value!r}')
        elif name in _LISTS and not _is_list(value):
            faults.append(f'field "{name}" must be a list of strings, not {value!r}')
        elif name in _TABLES and not _is_table(value, _TABLES[name]):
            faults.append(f'field "{name}" must be a table of {_TABLES[name].__name__} values')
    return faults


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_table(value: object, kind: type) -> bool:
    return isinstance(value, dict) and all(type(item) is kind for item in value.values())
