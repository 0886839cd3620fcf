"""Architecture files: TOML, every fault listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from netwright.arch.architecture import Architecture
from netwright.arch.channels import check_banks
from netwright.arch.faults import sentences
from netwright.arch.templates import expanded
from netwright.errors import ConfigError
from netwright.reading import read_toml

LIBRARY = Path(__file__).parent / "library"


def names() -> tuple[str, ...]:
    """Names of the architectures that this package brings."""
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.toml")))


def find(name: str) -> Architecture:
    """An architecture by name, or by the path of its file.

    Raises:
        ConfigError: There is none, or its file is not accepted.
    """
    if name in names():
        return load(LIBRARY / f"{name}.toml")
    if Path(name).suffix == ".toml":
        return load(Path(name))
    near = get_close_matches(name, names(), n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise ConfigError(
        f'"{name}" is not one of the architectures{meant}',
        hint=f"architectures: {', '.join(names())}; or a path that ends in .toml",
    )


def load(path: str | Path) -> Architecture:
    """Read an architecture file.

    Raises:
        ConfigError: The file cannot be read or is not TOML, or it is not accepted; the message
            lists all faults.
    """
    return parse(read_toml(Path(path)), source=str(path))


def tables(name: str) -> dict[str, object]:
    """The tables of an architecture file, by the name or the path that :func:`find` takes.

    Raises:
        ConfigError: There is none, or its file is not accepted.
    """
    find(name)  # says best what is wrong
    return read_toml(LIBRARY / f"{name}.toml" if name in names() else Path(name))


def parse(tables: Mapping[str, object], *, source: str) -> Architecture:
    """The architecture that the tables of a file say.

    Args:
        tables: What the file held.
        source: Its name, for messages.

    Raises:
        ConfigError: It is not accepted; the message lists all faults.
    """
    if "accelerators" in tables:
        try:
            tables = expanded(tables)
        except ConfigError as error:
            raise ConfigError(error.message, path=source, hint=error.hint) from None
    try:
        made = Architecture.model_validate_json(json.dumps(tables, default=str))
    except ValidationError as error:
        found = sentences(error, Architecture)
    else:
        check_banks(made, source=source)
        return made
    if len(found) == 1:
        raise ConfigError(found[0], path=source)
    lines = "".join(f"\n  {fault}" for fault in found)
    raise ConfigError(f"{len(found)} settings are not accepted{lines}", path=source)
