"""The ends of the version ranges of other people's tools: ``python tools/versions.py lowest``.

Prints what pip installs for an environment with the oldest, or with the newest, versions that the
package accepts; ``make lowest`` and ``make highest`` run the tests of the rooms that use them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

EXTRAS = ("qonnx", "hls", "rtl")
"""Extras whose packages are tools of a flow; their versions change what is generated or checked."""


def ranges() -> dict[str, str]:
    """Version specifiers of the tools, by package."""
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    lines = [line for extra in EXTRAS for line in extras[extra]]
    found = (re.fullmatch(r"([\w-]+)(.*)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def wanted(end: str) -> Iterator[str]:
    """Requirements of one end of the ranges; pins have only one."""
    for package, specifier in ranges().items():
        low = re.search(r"(?:>=|==)([\w.]+)", specifier)
        if low and end == "lowest":
            yield f"{package}=={low[1]}"
        else:
            yield f"{package}{specifier}"


if __name__ == "__main__":
    if sys.argv[1:] not in (["lowest"], ["highest"]):
        sys.exit("usage: versions.py lowest|highest")
    sys.stdout.write("\n".join(wanted(sys.argv[1])) + "\n")
