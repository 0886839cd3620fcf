"""Kill searches and their workers at random times, and look at what is left.

A search runs in a process of its own. Again and again either the driver or one of its workers gets
SIGKILL; a killed driver is started again with the same command. At the end the journal must hold
every trial once, and the trials must be those of a search that nobody disturbed.
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
trials = {trials}
batch = 6
seed = 11
proposer = {{ kind = "evolution", population = 12 }}
"""

OWN = """
import time

def measure(settings):
    time.sleep({seconds})
    return {{"y": abs(settings["x"] - 271828)}}
"""

MOST_S = 7200.0


@dataclass(frozen=True)
class Found:
    """What was left of a search that was killed.

    Attributes:
        kills: Processes that were killed, by what they were.
        lost: Trials that were on the disk and are not any more.
        repeated: Trials that are there more than once.
        is_equal: Whether the trials are those of a search that nobody disturbed.
    """

    kills: Counter[str]
    lost: int
    repeated: int
    is_equal: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was lost or repeated, and all is as it would have been."""
        return self.lost == 0 and self.repeated == 0 and self.is_equal


def kill(
    folder: Path, kills: int, *, trials: int, options: tuple[str, ...], seed: int = 0,
    seconds: float = 0.05, pause_s: float = 1.0,
) -> Found:  # fmt: skip
    """Search in `folder` and kill until there were `kills` kills; then let the search end."""
    (folder / "kills.toml").write_text(SPACE.format(trials=trials))
    (folder / "own.py").write_text(OWN.format(seconds=seconds))
    calm = folder / "calm"
    _finish(folder, calm, ("--here",))
    study = folder / "study"
    source, counts, seen = random.Random(seed), Counter[str](), set[int]()
    lost = 0
    began = time.monotonic()
    process = _start(folder, study, options)
    while counts.total() < kills and time.monotonic() - began < MOST_S:
        time.sleep(source.uniform(0.0, 2 * pause_s))
        now = set(_numbers(study))
        lost, seen = lost + len(seen - now), seen | now
        if process.poll() is not None:  # it came to its end: the next one has more to do
            process = _start(folder, study, options)
            continue
        workers = _workers(process.pid)
        driver = source.random() < 0.5 or not workers
        try:
            os.kill(process.pid if driver else source.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            continue
        counts["driver" if driver else "worker"] += 1
        if driver:
            process.wait()
            process = _start(folder, study, options)
    process.send_signal(signal.SIGTERM)
    process.wait()
    _finish(folder, study, options)
    numbers = _numbers(study)
    lost += len(seen - set(numbers))
    equal = result_digest(open_study(study).trials) == result_digest(open_study(calm).trials)
    return Found(counts, lost, len(numbers) - len(set(numbers)), equal)


def _command(folder: Path, study: Path, options: tuple[str, ...]) -> list[str]:
    space = str(folder / "kills.toml")
    return [
        sys.executable,
        "-m",
        "netwright.cli",
        "explore",
        space,
        "--folder",
        str(study),
        *options,
    ]


def _start(folder: Path, study: Path, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(folder, study, options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _finish(folder: Path, study: Path, options: tuple[str, ...]) -> None:
    subprocess.run(_command(folder, study, options), check=True, capture_output=True)


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
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"spawn_main" in command or command.startswith(b"ray::")


def main() -> int:
    """Print what was left, for a pool or for Ray; exit code 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    options = ("--ray", "--workers", "2") if given.ray else ("--workers", "2")
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        found = kill(Path(name), given.kills, trials=given.trials, options=options)
        seconds = time.monotonic() - began
    what = "Ray" if given.ray else "pool"
    sys.stdout.write(
        f"{what}: {found.kills.total()} kills ({dict(found.kills)}) in {seconds:.0f} s, load "
        f"{os.getloadavg()[0]:.0f}: {found.lost} finished trials lost, {found.repeated} repeated, "
        f"trials {'equal' if found.is_equal else 'NOT EQUAL'} to those of an undisturbed search\n"
    )
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
