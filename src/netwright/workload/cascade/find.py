"""Cascades that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netwright.errors import ConfigError
from netwright.workload.cascade.resolve import load
from netwright.workload.workload import Workload

LIBRARY = Path(__file__).parent / "library"
SUFFIX = ".einsum"


def published() -> tuple[str, ...]:
    """Names of the cascades of the library."""
    return tuple(sorted(path.stem for path in LIBRARY.glob(f"*{SUFFIX}")))


def find(name: str, *, extents: Mapping[str, int] | None = None) -> Workload:
    """A cascade of the library, or a file.

    Args:
        name: A name of :func:`published`, or a path that ends in ``.einsum``.
        extents: Sizes of ranks that replace those in the text.

    Raises:
        ConfigError: There is none, or its text is wrong.
    """
    if name in published():
        return load(LIBRARY / f"{name}{SUFFIX}", extents=extents)
    if not name.endswith(SUFFIX):
        raise ConfigError(
            f'no cascade is called "{name}"',
            hint=f"names are {', '.join(published())}; files end in {SUFFIX}",
        )
    return load(name, extents=extents)
