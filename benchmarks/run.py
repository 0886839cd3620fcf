"""Print every benchmark as a ratio against a named peer, measured within this run."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks import beam, interpreter, nm_training, startup, training  # noqa: E402


def main() -> None:
    table = Table(title=f"one thread, CPU time, load {os.getloadavg()[0]:.1f} at the start")
    for column in ("what", "ours", "peer", "ratio", "wanted"):
        table.add_column(column)
    for benchmark in (startup, interpreter, training, nm_training, beam):
        for row in benchmark.run():
            table.add_row(
                str(row["what"]), str(row["ours"]), str(row["peer"]), f"{row['ratio']:.4g}",
                str(row["wanted"]),
            )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
