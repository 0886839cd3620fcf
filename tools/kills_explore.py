"""Kill searches and their workers at random times, and look at what is left.

A search runs in a process of its own. Again and again either the driver or one of its workers (with
Ray, or the process that holds the connection to the cluster) gets SIGKILL; a killed driver is
started again with the same command. At the end the journal must hold every trial once, and the
trials must be those of a search that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from netwright.explore import open_study, result_digest
from netwright.explore.study import TRIALS

SPACE = """
schema_version = 1
name = "kills"

[objective]
kind = "python"
function = "own.py:measure"

[[parameters]]
name = "x"
kind = "integer"
low = 0
high = 1000000

[[goals]]
value = "y"

[search]
batch = 6
seed = 11
proposer = { kind = "evolution", population = 12 }
"""

OWN = """
import time

def measure(settings):
    time.sleep({seconds})
    return {{"y": abs(settings["x"] - 271828)}}
"""

ERRORS = "errors.txt"
"""What the driver that was started last has said, in the folder of the search."""

MOST_S = 14_400.0
"""Time after which no more is killed."""

MOST_START_S = 600.0
"""Time that a search gets to finish another trial."""

MOST_TRIALS = 1_000_000
"""More than a search finishes while it is killed."""


@dataclass(frozen=True)
class Found:
    """What was left of a search that was killed.

    Attributes:
        kills: Processes that were killed, by what they were.
        trials: Trials at the end.
        lost: Trials that were on the disk and are not any more.
        repeated: Trials that are there more than once.
        is_equal: Whether the trials are those of a search that nobody disturbed.
    """

    kills: Counter[str]
    trials: int
    lost: int
    repeated: int
    is_equal: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was lost or repeated, and all is as it would have been."""
        return self.lost == 0 and self.repeated == 0 and self.is_equal


def kill(
    folder: Path, kills: int, *, options: tuple[str, ...], seed: int = 0, seconds: float = 0.03,
    pause_s: float = 0.5, most_s: float = MOST_S,
) -> Found:  # fmt: skip
    """Search in `folder` and kill `kills` times, or for `most_s` seconds; then let the search end.

    Each kill hits the driver or a worker, as chance has it. Most come a random time after something
    was finished; every fifth comes a random time after the start, whatever has been done by then.
    """
    _write(folder / "killed", seconds)
    study = folder / "killed" / "study"
    source, counts, seen, lost = random.Random(seed), Counter[str](), set[int](), 0
    began = time.monotonic()
    process = _start(folder / "killed", study, MOST_TRIALS, options)
    while counts.total() < kills and time.monotonic() - began < most_s:
        if process.poll() is not None:
            raise SystemExit(f"the search ended by itself with code {process.returncode}: "
                             f"{_said(folder / 'killed')}")  # fmt: skip
        if source.random() < 0.8:
            _await_progress(study, len(seen), process)
        driver = source.random() < 0.5
        workers = [] if driver else _await_workers(process)
        time.sleep(source.uniform(0.0, 2 * pause_s))
        pid = process.pid if driver else source.choice(workers)
        what = "driver" if driver else _kind(pid, options)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        counts[what] += 1
        if driver:
            process.wait()
        now = set(_numbers(study))
        lost, seen = lost + len(seen - now), seen | now
        if driver:
            process = _start(folder / "killed", study, MOST_TRIALS, options)
    process.send_signal(signal.SIGTERM)
    process.wait()
    trials = len(_numbers(study)) + 6
    _finish(folder / "killed", study, trials, options)
    numbers = _numbers(study)
    _write(folder / "calm", 0.0)
    _finish(folder / "calm", folder / "calm" / "study", trials, ("--here",))
    found = [open_study(folder / name / "study").trials for name in ("killed", "calm")]
    return Found(
        counts, len(numbers), lost + len(seen - set(numbers)), len(numbers) - len(set(numbers)),
        result_digest(found[0]) == result_digest(found[1]),
    )  # fmt: skip


def _write(folder: Path, seconds: float) -> None:
    folder.mkdir()
    (folder / "kills.toml").write_text(SPACE)
    (folder / "own.py").write_text(OWN.format(seconds=seconds))


def _await_progress(study: Path, before: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until another trial is finished."""
    until = time.monotonic() + MOST_START_S
    while time.monotonic() < until and process.poll() is None:
        if len(_numbers(study)) > before:
            return
        time.sleep(0.05)


def _await_workers(process: subprocess.Popen[bytes]) -> list[int]:
    """The workers, as soon as there are some."""
    until = time.monotonic() + MOST_START_S
    while not (found := _workers(process.pid)):
        if time.monotonic() > until or process.poll() is not None:
            raise SystemExit(f"the search starts no workers (code {process.returncode})")
        time.sleep(0.05)
    return found


def _command(folder: Path, study: Path, trials: int, options: tuple[str, ...]) -> list[str]:
    space = str(folder / "kills.toml")
    return [sys.executable, "-m", "netwright.cli", "explore", space, "--folder", str(study),
            "--trials", str(trials), *options]  # fmt: skip


def _start(
    folder: Path, study: Path, trials: int, options: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    with open(folder / ERRORS, "wb") as errors:
        return subprocess.Popen(
            _command(folder, study, trials, options), stdout=subprocess.DEVNULL, stderr=errors
        )


def _said(folder: Path) -> str:
    """The end of what a search that ended by itself has said."""
    return (folder / ERRORS).read_text(errors="replace").strip()[-1000:]


def _finish(folder: Path, study: Path, trials: int, options: tuple[str, ...]) -> None:
    subprocess.run(_command(folder, study, trials, options), check=True, capture_output=True)


def _numbers(study: Path) -> list[int]:
    """Numbers of the trials whose lines are whole."""
    path = study / TRIALS
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line)["number"] for line in lines[:-1] if line.endswith(b"}")]


def _workers(driver: int) -> list[int]:
    """Processes below the driver that evaluate."""
    found, parents = [], [driver]
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(place.name))
            except (OSError, IndexError):
                continue
    while parents:
        below = children.get(parents.pop(), [])
        parents += below
        found += [pid for pid in below if _evaluates(pid)]
    return found


def _evaluates(pid: int) -> bool:
    command = _command_of(pid)
    return b"spawn_main" in command or command.startswith(b"ray::_evaluate")


def _kind(pid: int, options: tuple[str, ...]) -> str:
    """What a process below the driver is: with Ray one of them only talks to the cluster."""
    talks = "--ray" in options and b"spawn_main" in _command_of(pid)
    return "connection" if talks else "worker"


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> int:
    """Print what was left, for a pool or for Ray; exit code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=MOST_S / 60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    options = ("--ray", "--workers", "2") if given.ray else ("--workers", "2")
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        found = kill(Path(name), given.kills, options=options, seed=given.seed,
                     most_s=60 * given.minutes)  # fmt: skip
        seconds = time.monotonic() - began
    what = "Ray" if given.ray else "pool"
    equal = "equal" if found.is_equal else "NOT EQUAL"
    sys.stdout.write(
        f"{what}: {found.kills.total()} kills ({dict(found.kills)}) in {seconds:.0f} s, load "
        f"{os.getloadavg()[0]:.0f}: of {found.trials} trials {found.lost} lost, "
        f"{found.repeated} repeated; {equal} to those of an undisturbed search\n"
    )
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
