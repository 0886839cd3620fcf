"""Prove every non-linear block of the RTL backend over its grid, and print what was proven.

What was proven is kept in the folder that is given, and asked again only after a change.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from netwright.backends import rtl
from netwright.backends.rtl.proof.formal import ElementProof
from netwright.backends.rtl.proof.grid import LIMITS, ROUNDINGS, SHIFTS, WIDTHS, grid

BLOCKS = (*(mode.value for mode in ROUNDINGS), "relu", "sign", "wrap")


def main(folder: str, widths: Sequence[int] = WIDTHS) -> int:
    """Print a table; 1 if anything is not proven."""
    _say(f"Shifts {SHIFTS} up to the width; limits {LIMITS} and none; three offsets.")
    _say("Proven of all, for every input:\n")
    _say("values  " + " ".join(f"{name[:9]:>9}" for name in BLOCKS) + "   seconds")
    failed = 0
    for width in widths:
        for signed in (True, False):
            failed += _prove(width, signed, Path(folder))
    _say("\neverything is proven" if not failed else f"\n{failed} are not proven")
    return int(failed > 0)


def _prove(width: int, signed: bool, folder: Path) -> int:
    graph = grid(width, signed=signed)
    design = rtl(adders_per_stage=None).generate(graph, folder / graph.name)
    start = time.monotonic()

    def tell(done: float, total: float, text: str) -> None:
        sys.stderr.write(f"\r{graph.name}: {done} of {total} {text} ")
        sys.stderr.flush()

    proofs = design.prove_elements(progress=tell)
    sys.stderr.write("\r")
    cells = " ".join(f"{_cell(proofs, block):>9}" for block in BLOCKS)
    kind = f"{'int' if signed else 'uint'}{width}"
    _say(f"{kind:7} {cells} {time.monotonic() - start:9.1f}")
    wrong = [proof for proof in proofs if proof.verdict != "proven"]
    for proof in wrong:
        _say(f"  {proof.node}: {proof.verdict}; {proof.counter_example or ''}")
    return len(wrong)


def _cell(proofs: Sequence[ElementProof], block: str) -> str:
    own = [proof.verdict == "proven" for proof in proofs if proof.node.startswith(f"{block}_")]
    return f"{sum(own)}/{len(own)}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build/formal"))
