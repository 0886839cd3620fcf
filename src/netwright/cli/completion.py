"""What a shell offers behind an option whose values have names."""

from __future__ import annotations

from collections.abc import Callable


def names_of(kind: str) -> Callable[[str], list[str]]:
    """Completes the names of a kind of the registry, those of other packages included.

    Args:
        kind: Kind of the names, such as ``"backends"``.
    """

    def complete(incomplete: str) -> list[str]:
        from netwright.registry import entries

        return [name for name in sorted(entries(kind)) if name.startswith(incomplete)]

    return complete
