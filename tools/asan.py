"""Build the compiled kernels with AddressSanitizer and run their tests against that build.

The sanitizer's run-time library must be loaded before the interpreter's own allocations, so the
tests run in a child with ``LD_PRELOAD``; so must that of C++, in which the sanitizer looks for the
function that throws. Leaks are not looked for: the interpreter has
some. What is larger than memory fails as it does elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "asan"
# An editable installation finds its own build before any path is searched.
RUN_TESTS = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__name__.startswith("ScikitBuild")]
import netwright.kernels._native as native
assert native.__file__.startswith(sys.argv[1]), native.__file__
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""
TESTS = ("tests/kernels", "tests/cost/events", "tests/backends/cpu/test_engine.py")
"""What calls the compiled kernels: each alone, the event engine, and all of an encoder."""
CONFIGURE = "-Ccmake.define.NETWRIGHT_ASAN=ON"


def library(name: str) -> str:
    """Path of a library of the compiler."""
    found = ["g++", f"-print-file-name={name}"]
    return subprocess.run(found, check=True, capture_output=True, text=True).stdout.strip()


def main() -> int:
    """Install into a folder of its own, run the tests, return their exit code."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    install += ["--target", str(BUILD / "site"), CONFIGURE, f"-Cbuild-dir={BUILD / 'cmake'}"]
    subprocess.run(
        [*install, str(ROOT)], check=True, env={**os.environ, "NETWRIGHT_REQUIRE_NATIVE": "1"}
    )
    libraries = [library("libasan.so"), library("libstdc++.so")]
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "LD_PRELOAD": " ".join(libraries),
        "NETWRIGHT_REQUIRE_NATIVE": "1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(BUILD / "site"),
    }
    tests = [sys.executable, "-c", RUN_TESTS, str(BUILD), *TESTS]
    return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
