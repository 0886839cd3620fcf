"""DRAMsim3 out of a clone of the user's own: built apart, run on traces, its commands read."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BUILD = Path("build") / "dramsim3"
NAMES = {"activate": "activate", "precharge": "precharge", "read": "read", "write": "write",
         "refresh": "refresh"}  # fmt: skip

Integers = NDArray[np.int64]


def source() -> Path | None:
    """The folder of the clone, from the environment variable DRAMSIM3; none if it is not there."""
    given = os.environ.get("DRAMSIM3", "")
    path = Path(given)
    return path if given and (path / "CMakeLists.txt").exists() else None


def build(clone: Path, *, traced: bool) -> Path:
    """The program, with or without traces of its commands."""
    folder = BUILD.absolute() / ("traced" if traced else "plain")
    copy = folder / "source"  # it puts its library into its source
    if not copy.exists():
        shutil.copytree(clone, copy, ignore=shutil.ignore_patterns(".git", "build", "*.so"))
    flags = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_POLICY_VERSION_MINIMUM=3.5"]
    flags += ["-DCMD_TRACE=1"] if traced else []
    for command in (["cmake", str(copy), *flags],
                    ["make", "-j2", "dramsim3main"]):  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"DRAMsim3 does not build: {' '.join(command)}\n{done.stderr[-800:]}")
    return folder / "dramsim3main"


def config(clone: Path, name: str, folder: Path, **system: str) -> Path:
    """A configuration of the clone with other settings."""
    lines = []
    for line in (clone / "configs" / f"{name}.ini").read_text().splitlines():
        key = line.split("=")[0].strip()
        lines.append(f"{key} = {system.pop(key)}" if key in system else line)
    place = next(n for n, line in enumerate(lines) if line.strip() == "[system]") + 1
    lines[place:place] = [f"{key} = {value}" for key, value in system.items()]
    path = folder / f"{name}.ini"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(program: Path, settings: Path, requests: list[str], cycles: int) -> float:
    """Run a trace of requests; seconds of the processor that it took."""
    folder = settings.parent
    (folder / "requests.txt").write_text("".join(requests))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(program), str(settings), "-c", str(cycles), "-t", str(folder / "requests.txt"),
         "-o", str(folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(folder: Path, names: tuple[str, ...], banks_per_group: int) -> Integers:
    """Its commands as a trace: cycle, command, channel, bank, row, column, request."""
    rows = []
    for line in (folder / "dramsim3ch_0cmd.trace").read_text().splitlines():
        cells = line.split()
        name = cells[1].lower()
        if name not in NAMES:
            raise SystemExit(f"DRAMsim3 issued {cells[1]}, which is not compared")
        _, _, group, bank, row, column = (int(cell, 0) for cell in cells[2:8])
        own = 0 if name == "refresh" else group * banks_per_group + bank
        # Rows that are closed before a refresh have no channel there.
        rows.append([int(cells[0]), names.index(NAMES[name]), 0, own, row, column, -1])
    return np.array(rows, np.int64).reshape(-1, 7)
