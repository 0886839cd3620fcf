"""Other tools, each in an environment of its own, because their dependencies exclude each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("NETWRIGHT_PEERS", ROOT / ".venv-peers"))

PACKAGES = {
    "zigzag": ("zigzag-dse==3.9.1", "six"),  # six is needed and not declared
    "scalesim": ("scalesim==3.0.0", "numpy<2.2"),  # fails with newer ones
    "nn_dataflow": ("nn-dataflow==2.1", "sympy==1.5.1"),  # fails with newer ones
}


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made on first use."""
    python = FOLDER / name / "bin" / "python"
    stamp = FOLDER / name / "complete"
    if not stamp.exists():
        print(f"setting up {name} ({', '.join(PACKAGES[name])}) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", FOLDER / name], check=True)
        extra = os.environ.get("PIP_ARGS", "").split()
        command = [python, "-m", "pip", "install", "--quiet", *extra, *PACKAGES[name]]
        subprocess.run(command, check=True)
        stamp.touch()
    return python


def run(name: str, items: list[dict[str, object]], *options: str) -> list[dict[str, float]]:
    """What a peer says about each item."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.json"
        path.write_text(json.dumps(items))
        script = Path(__file__).parent / f"run_{name}.py"
        done = subprocess.run(
            [python_of(name), script, path, *options], capture_output=True, text=True, cwd=folder
        )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]
