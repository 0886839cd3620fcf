"""Other tools, each in an environment of its own, because their dependencies exclude each other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("NETWRIGHT_PEERS", ROOT / ".venv-peers"))

PACKAGES = {
    "zigzag": ("zigzag-dse==3.9.1", "six"),  # six is needed and not declared
    "scalesim": ("scalesim==3.0.0", "numpy<2.2"),  # fails with newer ones
    "nn_dataflow": ("nn-dataflow==2.1", "sympy==1.5.1"),  # fails with newer ones
    "accelforge": ("accelforge==1.0.467",),
    "alkaid": ("alkaid==0.8.2",),
    "da4ml": ("da4ml==0.6.0",),
}

NEWEST = {"accelforge": ("python3.12", "python3.13")}
"""Interpreters of which a peer needs one, where it cannot do with ours."""

FROM_SOURCE = {
    "zigzag": "multiprocessing_on_dill",  # pure Python
    "nn_dataflow": "fastcache",  # one C file
}
"""Dependencies that have no wheel; everything else is taken as one."""

INSTALL_S = 900
"""Seconds that setting up one environment may take."""


class PeerMissing(Exception):
    """A tool could not be installed or run; the message says why."""


class PeerSkipped(PeerMissing):
    """A tool cannot run here whatever is installed; the message says why."""


def interpreter_for(name: str) -> str:
    """The interpreter that a peer's environment is made with.

    Raises:
        PeerSkipped: The peer needs a newer one than there is.
    """
    wanted = NEWEST.get(name, ())
    ours = "python{}.{}".format(*sys.version_info)
    if not wanted or ours in wanted:
        return sys.executable
    for command in wanted:
        found = shutil.which(command)
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    raise PeerSkipped(f"{name} needs {' or '.join(wanted)}, and there is none")


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made on first use.

    Wheels are taken, but for two small packages: building others from source takes hours or fails.

    Raises:
        PeerMissing: The environment cannot be made.
    """
    python = FOLDER / name / "bin" / "python"
    stamp = FOLDER / name / "complete"
    if not stamp.exists():
        print(f"setting up {name} ({', '.join(PACKAGES[name])}) ...", flush=True)
        extra = os.environ.get("PIP_ARGS", "").split()
        pip = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *extra]
        if name in FROM_SOURCE:
            pip += ["--no-binary", FROM_SOURCE[name]]
        make = [interpreter_for(name), "-m", "venv", FOLDER / name]
        for command in (make, [*pip, *PACKAGES[name]]):
            _installed(name, command)
        stamp.touch()
    return python


def _installed(name: str, command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"{name} was not installed within {INSTALL_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = "; ".join(errors) or done.stderr.strip()[-300:]
        raise PeerMissing(f"{name} cannot be installed: {reason}")


def run(name: str, items: list[dict[str, object]], *options: str) -> list[dict[str, float]]:
    """What a peer says about each item.

    Raises:
        PeerMissing: It cannot be installed, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.json"
        path.write_text(json.dumps(items))
        script = Path(__file__).parent / f"run_{name}.py"
        done = subprocess.run(
            [python_of(name), script, path, *options], capture_output=True, text=True, cwd=folder
        )
    if done.returncode:
        raise PeerMissing(f"{name} failed:\n{done.stderr[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]
