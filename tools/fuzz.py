"""Fuzz every reader of the package: ``make fuzz``, or ``python tools/fuzz.py --inputs 100000``.

Valid files are changed and read in child processes, whose memory is limited and whose writes are
watched. An input ends well if it is accepted or refused with an error of ours; it ends badly with
any other exception, a crash, a hang, an attempt to take more than two gigabytes, a write or a
program outside of its own folder, or if a file is accepted whose checksum does not fit. The same
seed gives the same inputs. Bad inputs are kept in the folder ``--keep``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, TextIO

from fuzzing.kinds import Kind, make_kinds
from fuzzing.mutations import BYTES

ROOM_BYTES = 2 << 30
"""Memory that a child may take beside what it begins with."""

LIMIT_S = 20.0
"""Processor time of one input, after which it counts as a hang."""

BATCH = 500
"""Inputs of a child."""

GOOD = ("refused", "accepted", "accepted, same")
BAD = ("traceback", "crash", "hang", "memory", "write", "silent")


class _Hang(BaseException):
    """An input took too long."""


class Watch:
    """Notes what is opened for writing, changed or started outside of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve())
        self.found: list[str] = []
        self.active = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = args
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            writes = writes or (isinstance(mode, str) and set(mode) & set("wax+"))
            if writes and self._outside(path):
                self.found.append(f"open {path!r}")
        elif event in ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink",
                       "os.chmod", "os.truncate", "shutil.rmtree", "tempfile.mkstemp"):  # fmt: skip
            if any(self._outside(path) for path in args if isinstance(path, (str, bytes, Path))):
                self.found.append(f"{event} {args!r}")
        elif event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork",
                       "socket.connect", "pickle.find_class", "exec.user"):  # fmt: skip
            self.found.append(f"{event} {args!r}"[:200])

    def _outside(self, path: object) -> bool:
        if isinstance(path, int) or path is None:
            return False
        text = os.fsdecode(path)  # type: ignore[arg-type]
        return text != os.devnull and not os.path.realpath(text).startswith(self.folder)


def changed(kind: Kind, name: str, seed: int, number: int) -> tuple[bytes, bytes, bool]:
    """Input `number` of a kind, the file that it was, and whether only its bytes were changed."""
    random = Random(f"{seed}/{name}/{number}")
    original = random.choice(kind.seeds)
    change = random.choice(kind.changes)
    try:
        data = change(random, original, kind.seeds)
    except Exception:  # a change that does not fit the file
        change, data = BYTES[0], BYTES[0](random, original, kind.seeds)
    return data, original, change in BYTES


def judge(
    kind: Kind, data: bytes, original: bytes, plain: bool, folder: Path, watch: Watch
) -> tuple[str, str]:
    """What becomes of one input, and the details where it ends badly."""
    from netwright.errors import NetwrightError

    folder.mkdir()
    for name, content in kind.beside.items():
        (folder / name).write_bytes(content)
    path = folder / f"input{kind.suffix}"
    path.write_bytes(data)
    watch.found.clear()
    outcome, detail, meaning = "accepted", "", None
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watch.active = True
            meaning = kind.read(path)
    except NetwrightError as error:
        outcome = "memory" if "(too large)" in str(error) else "refused"
        detail = str(error)
    except MemoryError:
        outcome, detail = "memory", traceback.format_exc()
    except _Hang:
        outcome, detail = "hang", traceback.format_exc()
    except BaseException:
        outcome, detail = "traceback", traceback.format_exc()
    finally:
        watch.active = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if watch.found:
        outcome, detail = "write", "; ".join(watch.found)
    elif outcome == "accepted" and kind.sealed:
        same = meaning == _meaning(kind, original, folder)
        outcome = "accepted, same" if same else ("silent" if plain else "accepted")
    shutil.rmtree(folder)
    return outcome, detail


_MEANINGS: dict[tuple[object, bytes], object] = {}


def _meaning(kind: Kind, original: bytes, folder: Path) -> object:
    """What the file that was not changed means."""
    key = (kind.read, original)
    if key not in _MEANINGS:
        path = folder / f"original{kind.suffix}"
        path.write_bytes(original)
        _MEANINGS[key] = kind.read(path)
    return _MEANINGS[key]


def run_batch(
    kind: Kind,
    name: str,
    seed: int,
    numbers: Sequence[int],
    folder: Path,
    watch: Watch,
    report: TextIO,
) -> None:
    """Read inputs in this process; every outcome is written to `report` as a line of JSON."""

    def stop(*_: object) -> None:
        raise _Hang

    signal.signal(signal.SIGVTALRM, stop)
    for number in numbers:
        report.write(json.dumps({"start": number}) + "\n")
        report.flush()
        data, original, plain = changed(kind, name, seed, number)
        outcome, detail = judge(kind, data, original, plain, folder / "case", watch)
        report.write(json.dumps({"number": number, "outcome": outcome, "detail": detail}) + "\n")
        report.flush()


def _child(
    kind: Kind, name: str, seed: int, numbers: Sequence[int], folder: Path, report: Path
) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder)
    watch = Watch(folder)
    with report.open("w", encoding="utf-8") as stream:
        run_batch(kind, name, seed, numbers, folder, watch, stream)


def outcomes(
    kind: Kind, name: str, seed: int, count: int, folder: Path
) -> Iterator[tuple[int, str, str]]:
    """Number, outcome and details of every input of a kind, read in children."""
    left = list(range(count))
    while left:
        batch = left[:BATCH]
        report = folder / "report.jsonl"
        work = folder / "work"
        work.mkdir()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _child(kind, name, seed, batch, work, report)
                code = 0
            finally:
                os._exit(code)
        status, killed = _wait(child, report)
        done, started = 0, None
        for line in report.read_text(encoding="utf-8").splitlines() if report.exists() else ():
            entry = json.loads(line)
            if "start" in entry:
                started = entry["start"]
                continue
            yield entry["number"], entry["outcome"], entry["detail"]
            done += 1
        if done < len(batch):
            number = batch[done] if started is None else started
            yield number, "hang" if killed else "crash", f"status {status}"
            done += 1
        strange = [path.name for path in work.iterdir() if path.name != "case"]
        if strange:
            yield batch[0], "write", f"in batch of {batch[0]}: {strange}"
        left = left[done:]
        shutil.rmtree(work)


def _wait(child: int, report: Path) -> tuple[int, bool]:
    """Wait for a child as long as it gets on; the status, and whether it was killed."""
    size, since = -1, time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status, False
        time.sleep(0.05)
        now = report.stat().st_size if report.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > 12 * LIMIT_S:
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], True


def shares(kinds: dict[str, Kind], inputs: int) -> dict[str, int]:
    """Inputs of every kind, at least `inputs` in all."""
    total = sum(kind.weight for kind in kinds.values())
    return {name: -(-inputs * kind.weight // total) for name, kind in kinds.items()}


def main() -> int:
    """Fuzz, print a table, and end with 1 if an input ended badly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="kinds, separated by commas")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--nice", type=int, default=10)
    options = parser.parse_args()
    os.nice(options.nice)
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    began, bad, total = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        folder = Path(temporary)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        chosen = make_kinds(folder)
        if options.only:
            chosen = {name: chosen[name] for name in options.only.split(",")}
        _tell(f"{'kind':<20}{'inputs':>8}" + "".join(f"{word:>16}" for word in (*GOOD, *BAD)))
        for name, count in shares(chosen, options.inputs).items():
            kind, counts = chosen[name], Counter[str]()
            for number, outcome, detail in outcomes(kind, name, options.seed, count, folder):
                counts[outcome] += 1
                if outcome in BAD:
                    _keep(options, kind, name, number, outcome, detail)
            row = "".join(f"{counts[word]:>16}" for word in (*GOOD, *BAD))
            _tell(f"{name:<20}{count:>8}{row}")
            bad += sum(counts[word] for word in BAD)
            total += count
    seconds = time.monotonic() - began
    _tell(f"{total} inputs, {bad} ended badly, {seconds:.0f} s, seed {options.seed}")
    return min(bad, 1)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _keep(
    options: argparse.Namespace, kind: Kind, name: str, number: int, outcome: str, detail: str
) -> None:
    """Keep an input that ended badly, with what it ended with."""
    options.keep.mkdir(parents=True, exist_ok=True)
    place = options.keep / f"{name}-{options.seed}-{number}-{outcome}"
    place.with_suffix(kind.suffix).write_bytes(changed(kind, name, options.seed, number)[0])
    place.with_suffix(".txt").write_text(detail, encoding="utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())
