"""`netwright --help` against starting the bare interpreter, CPU seconds of the child."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys


def _cpu_seconds(*arguments: str) -> float:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    values = []
    for _ in range(5):
        before = spent()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        values.append(spent() - before)
    return statistics.median(values)


def run() -> list[dict[str, str | float]]:
    bare = _cpu_seconds("-c", "pass")
    ours = _cpu_seconds("-m", "netwright.cli", "--help")
    return [
        {
            "what": "netwright --help",
            "ours": f"{ours:.2f} CPU s",
            "peer": f"python -c pass: {bare:.2f} CPU s",
            "ratio": ours / bare,
            "wanted": "ours < 0.5 CPU s",
        }
    ]
