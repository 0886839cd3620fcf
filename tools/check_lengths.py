"""Refuse source and test files of 500 lines or more: a file that long holds two concepts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 499
FOLDERS = ("src", "tests", "tools", "benchmarks", "examples")


def too_long(root: Path, *, max_lines: int = MAX_LINES) -> Iterator[tuple[Path, int]]:
    """Every Python file below `root`'s code folders that is too long, with its length."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            num_lines = len(path.read_text(encoding="utf-8").splitlines())
            if num_lines > max_lines:
                yield path.relative_to(root), num_lines


def main(root: Path) -> int:
    """Write one line a fault to standard error; return the exit code."""
    faults = list(too_long(root))
    for path, num_lines in faults:
        sys.stderr.write(f"{path}: must have at most {MAX_LINES} lines, not {num_lines}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
