"""The flows that come with the package, to run and to copy."""

from __future__ import annotations

import re
from pathlib import Path

import netwright
from netwright.errors import ConfigError
from netwright.faults import closest
from netwright.files import write_text

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_FIELD = re.compile(r'^name = "[^"]*"$', re.MULTILINE)


def templates() -> dict[str, Path]:
    """The flows that come with the package, by name."""
    package = Path(netwright.__file__).parent
    for folder in (package / "flows" / "library", package.parents[1] / "flows"):
        found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        if found:
            return found
    return {}


def copy_template(template: str, name: str, folder: Path) -> Path:
    """Copy a flow under another name.

    Args:
        template: Name of a flow that comes with the package.
        name: Name of the copy, and of its runs.
        folder: Where ``NAME.toml`` is written.

    Raises:
        ConfigError: A name is not accepted, or the file exists.
        RunError: The folder cannot be written.
    """
    known = templates()
    if template not in known:
        near = closest(template, tuple(known))
        raise ConfigError(
            f'there is no flow "{template}"{near}', hint=f"flows: {', '.join(known) or 'none'}"
        )
    path = free_path(folder / f"{name}.toml", name)
    text = known[template].read_text(encoding="utf-8")
    return write_text(path, _FIELD.sub(f'name = "{name}"', text, count=1))


def free_path(path: Path, name: str) -> Path:
    """The path of a new flow, if its name is accepted and there is no such file.

    Raises:
        ConfigError: It is not, or there is one.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f'a flow\'s name must be lower-case letters, digits and dashes: "{name}"')
    if path.exists():
        raise ConfigError("exists already", path=str(path), hint="choose another name")
    return path
