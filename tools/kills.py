"""Kill every long command at random times: what is left, and does repeating it give the same?

Usage: ``python tools/kills.py [--kills 200] [--seed 1] [--model FILE] [--only NAME ...]``

A command is run once without a disturbance. Then it is started again and again in a fresh folder,
and ended after a random time by SIGKILL, SIGTERM or SIGINT, until it ends by itself. Every time no
process of it may be there after a few seconds; in the end its results must equal those of the
undisturbed run and no temporary file may be left. The exit code is 1 if any of this fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "NETWRIGHT_KILLS"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST_S = 1800.0
"""Time after which an undisturbed command counts as hanging."""

TIMES = ("seconds", "when")
"""Fields of a certificate that tell times."""

END_S = 120.0
"""Time that a command gets to end after a signal."""

TOLD = 3000
"""Characters of standard error that are shown of a strange end."""

AFTER_S = 15.0
"""Time that processes get to be gone after the command."""

FLOW = """
schema_version = 1
name = "tiny"
seeds = [7, 8]
task = { kind = "jets", rows = 900 }
model = { hidden = [6] }
train = { epochs = 2 }
sweep = { uniform = [4], budgets = [], blind = false, epochs = 1 }
verify = { random_rows = 100, tie_rows = 20, qonnx_rows = 20 }
hls = {}
rtl = { compare_parts = [] }

[compress]
weight_bits = [3, 4]
activation_bits = [4]
budget = { limit = 8_000 }
probes = 8
epochs = 1
"""

SPARSE = """
import hashlib, sys
from netwright import cli
from netwright.cli import app

@app.app.command("train")
def train() -> None:
    from dataclasses import replace
    from netwright.compress.block import BlockSparsity
    from netwright.compress.sparse_text import sparsify_text
    from netwright.tasks.sentences import sentence_task
    from netwright.train import Checkpoint
    from netwright.train.text import TEXT
    from tests.texts import SHAPE, encoder, sentences
    others = sentences(16, seed=9)
    model = sparsify_text(
        encoder(), sentence_task(sentences(64), others, others, shape=SHAPE),
        schedule=BlockSparsity(0.7, score="output", every=3),
        recipe=replace(TEXT, epochs=60, batch_size=16, learning_rate=3e-3, precision="float32"),
        teacher=encoder(1), checkpoint=Checkpoint("sparse.pt", every_steps=1),
    )
    state = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        state.update(name.encode() + value.numpy().tobytes())
    print(state.hexdigest())

sys.exit(cli.main(["train"]))
"""


@dataclass(frozen=True)
class Command:
    """A long command and what its results are."""

    name: str
    words: tuple[str, ...]
    result: Callable[[Path, str], str]
    files: dict[str, str] = field(default_factory=dict)


def printed(folder: Path, text: str) -> str:
    """What a command has printed."""
    return text


def estimated(folder: Path, text: str) -> str:
    """What an estimate says, without the time it took."""
    shown = json.loads(text)
    del shown["when"]
    return json.dumps(shown)


def designed(folder: Path, text: str) -> str:
    """The graph, the generated files and the certificate, without the times of the tools."""
    digests = [
        f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(folder.glob("out/**/*"))
        if path.is_file() and "build" not in path.parts and not path.name.startswith(".")
        and path.name != "certificate.json"
    ]  # fmt: skip
    rows = json.loads(text)["certificate"]
    shown = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return "\n".join([*digests, json.dumps(shown)])


def staged(folder: Path, text: str) -> str:
    """The digests of what every stage has written, up to the report, which tells times."""
    manifest = json.loads((folder / "runs/tiny/manifest.json").read_text())
    outputs = {s["name"]: s["record"]["outputs"] for s in manifest["stages"]}
    timed = ("hardware.json", "certificate.json")
    return json.dumps(
        {
            stage: {path: d for path, d in found.items() if not path.endswith(timed)}
            for stage, found in outputs.items()
            if stage != "report"
        },
        indent=1,
    )


def commands(model: Path) -> tuple[Command, ...]:
    """All long commands; those that convert take this model."""
    netwright = (sys.executable, "-m", "netwright.cli")
    convert = (*netwright, "convert", str(model), "--out", "out", "--json")
    soc = ("--backend", "soc", "--set", "network.reuse_factor=1", "--rows", "500")
    return (
        Command("run", (*netwright, "run", "tiny.toml"), staged, {"tiny.toml": FLOW}),
        Command("convert hls", (*convert, "--backend", "hls"), designed),
        Command("convert rtl", (*convert, "--backend", "rtl"), designed),
        Command("convert soc", (*convert, *soc), designed),
        Command(
            "map",
            (*netwright, "map", "squeezenet", "--json", "--curve", "curve.svg"),
            lambda folder, text: (folder / "curve.svg").read_text(),
        ),
        Command("estimate", (*netwright, "estimate", "squeezenet", "--json"), estimated),
        Command(
            "study",
            (*netwright, "study", "run", "hawq"),
            lambda folder, text: "\n".join(text.splitlines()[:3]),
        ),
        Command("sparse training", (sys.executable, "sparse.py"), printed, {"sparse.py": SPARSE}),
    )


def alive(token: str) -> list[str]:
    """Command lines of the processes that a command has started and that still run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={token}".encode() not in (place / "environ").read_bytes().split(b"\0"):
                continue
            if ") Z " in (place / "stat").read_text():
                continue
            found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
        except OSError:
            continue
    return found


def begin(command: Command, folder: Path, token: str) -> subprocess.Popen[str]:
    """Start a command whose processes can be found by a token."""
    for name, text in command.files.items():
        (folder / name).write_text(text)
    variables = {
        MARK: token,
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        command.words,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=(folder / "stdout").open("w"),
        stderr=(folder / "stderr").open("w"),
        text=True,
    )


def undisturbed(command: Command, folder: Path) -> tuple[str, float]:
    """The results of a command and the seconds it takes."""
    start = time.monotonic()
    code = begin(command, folder, "none").wait(LONGEST_S)
    seconds = time.monotonic() - start
    if code not in (0, 1):
        raise SystemExit(f"{command.name}: exit code {code}\n{(folder / 'stderr').read_text()}")
    return command.result(folder, (folder / "stdout").read_text()), seconds


@dataclass
class Tally:
    """What was found."""

    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def disturbed(
    command: Command, expected: str, seconds: float, folder: Path, draw: random.Random, tally: Tally
) -> None:
    """End a command again and again, until it ends by itself."""
    known = len(tally.faults)
    for attempt in range(1000):
        token = f"{os.getpid()}-{draw.random()}"
        patience = draw.uniform(0.0, seconds) if attempt < 8 else LONGEST_S
        process = begin(command, folder, token)
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            number = draw.choice(SIGNALS)
            process.send_signal(number)
            try:
                code = process.wait(END_S)
            except subprocess.TimeoutExpired:
                tally.faults.append(f"{command.name}: does not end after {number.name}")
                process.kill()
                code = process.wait()
            tally.kills[f"{command.name}: {number.name}"] += 1
            where = f"{command.name}, {number.name} after {patience:.2f} s"
            if code not in (-number, 128 + number, 0, -signal.SIGKILL):
                told = (folder / "stderr").read_text(errors="replace")[-TOLD:]
                tally.faults.append(f"{where}: exit code {code}\n{told}")
        end = time.monotonic() + AFTER_S
        while (left := alive(token)) and time.monotonic() < end:
            time.sleep(0.1)
        if left:
            tally.faults.append(f"{command.name}: goes on: {left}")
        if code in (0, 1):
            break
    if code == 1 or command.result(folder, (folder / "stdout").read_text()) != expected:
        kept = Path(tempfile.mkdtemp(prefix="netwright-kills-")) / "folder"
        shutil.copytree(folder, kept)
        tally.faults.append(f"{command.name}: another result (exit code {code}), see {kept}")
    temporary = [str(path.relative_to(folder)) for path in folder.glob("**/.netwright-*.tmp")]
    if temporary:
        tally.faults.append(f"{command.name}: left {temporary}")
    for fault in tally.faults[known:]:
        say(fault)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Kill as often as asked for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="what is converted; else the network of the run")
    parser.add_argument("--only", nargs="*", help="names of commands")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # commands inherit what is ignored
    draw, tally = random.Random(chosen.seed), Tally()
    with tempfile.TemporaryDirectory(prefix="netwright-kills-") as temporary:
        base = Path(temporary)
        known, model = {}, chosen.model
        if model is None:
            (base / "run").mkdir()
            known["run"] = undisturbed(commands(base)[0], base / "run")
            model = base / "run/runs/tiny/stages/06-trace/model.onnx"
        every = [c for c in commands(model) if not chosen.only or c.name in chosen.only]
        for command in every:
            if command.name not in known:
                folder = base / command.name.replace(" ", "-")
                folder.mkdir()
                known[command.name] = undisturbed(command, folder)
            say(f"{command.name}: {known[command.name][1]:.1f} s undisturbed")
        while sum(tally.kills.values()) < chosen.kills:
            for command in draw.sample(every, len(every)):
                with tempfile.TemporaryDirectory(dir=base) as fresh:
                    disturbed(command, *known[command.name], Path(fresh), draw, tally)
                say(f"{sum(tally.kills.values())} kills, {len(tally.faults)} faults")
    for name, count in sorted(tally.kills.items()):
        say(f"{name}: {count}")
    say("\n".join(tally.faults) or "no fault")
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
