"""Require a test file at the mirrored path of every module, and a module for every test file.

``src/netwright/ir/check.py`` is tested by ``tests/ir/test_check.py``. Packages' ``__init__`` files
only re-export and need no tests of their own. Files in the folders of :data:`CROSS_ROOM` test
several rooms together and mirror nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

WITHOUT_TEST = {
    "ir/graph.py": "plain values; tests/ir/test_check.py and test_interpret.py build them all",
    "ir/types.py": "plain values; their rules are tested by tests/ir/test_check.py",
    "ir/spec.py": "declarations only; every operator's test uses them",
    "studies/hawq.py": "a study is run, not unit-tested; tests/studies/test_runner.py loads it",
}
"""Modules that need no test file of their own, and why."""

CROSS_ROOM = ("golden", "cosim", "flows")
"""Folders of tests that span rooms."""


def untested(root: Path) -> Iterator[str]:
    """Every module that has neither a mirrored test file nor an entry in the list above."""
    source = root / "src" / "netwright"
    for path in sorted(source.rglob("*.py")):
        module = PurePosixPath(path.relative_to(source).as_posix())
        test = root / "tests" / module.parent / f"test_{module.stem.lstrip('_')}.py"
        if module.stem not in ("__init__", "__main__") and not test.exists():
            if str(module) not in WITHOUT_TEST:
                yield str(module)


def stale(root: Path) -> Iterator[str]:
    """Every entry of the list above whose module is gone or has a test by now."""
    for module in sorted(WITHOUT_TEST):
        path = PurePosixPath(module)
        gone = not (root / "src" / "netwright" / path).exists()
        if gone or (root / "tests" / path.parent / f"test_{path.stem}.py").exists():
            yield module


def main(root: Path) -> int:
    """Write one line a fault to standard error; return the exit code."""
    faults = [f"src/netwright/{module}: has no test file at tests/" for module in untested(root)]
    faults += [f"tools/check_mirror.py: {module} no longer needs an entry" for module in stale(root)]
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
