"""Proof that triplication changes nothing while nothing is upset, for all inputs and all times.

Yosys compares the design as it was written with the triplicated one, register by register: equal
registers and equal inputs are followed by equal registers and outputs. Registers are matched by
their names; where the copies are equal, the vote is what each of them is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.rtl.implement.synthesis import run_script
from netwright.backends.rtl.radiation.triplication import Hardened
from netwright.errors import BackendError
from netwright.files import write_text
from netwright.progress import Progress, silent

_FOUND = re.compile(r"Of those cells (\d+) are proven and (\d+) are unproven")


@dataclass(frozen=True, slots=True)
class SameDesign:
    """What a proof says.

    Attributes:
        proven: Bits of registers and outputs that are proven equal.
        open: Bits that are not.
    """

    proven: int
    open: int

    @property
    def holds(self) -> bool:
        """Whether every bit is proven, and there is one."""
        return self.proven > 0 and self.open == 0


def prove_same(
    hardened: Hardened,
    sources: Sequence[Path],
    *,
    folder: Path,
    timeout_s: float = 1800.0,
    progress: Progress = silent,
) -> SameDesign:
    """Prove a triplicated design equal to the one that it was made from.

    Args:
        hardened: The triplicated design.
        sources: The Verilog that it was made from.
        folder: Where the proof and the log go.
        timeout_s: Wall-clock seconds Yosys may take.
        progress: Told what it does.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: What it printed cannot be read.
    """
    top = hardened.top
    plain = write_text(folder / f"{top}-gold.v", "\n".join(map(_text, sources)))
    voted = write_text(folder / f"{top}-gate.v", "\n".join(map(_text, hardened.sources)))
    status = f"{top}-equivalence.txt"
    flat = ["setattr -mod -unset keep_hierarchy *", "flatten", "opt_clean"]
    run_script(
        (plain,),
        [
            f"hierarchy -top {top}", "proc", *flat, "memory -nomap", "memory_map", "dffunmap",
            "opt_clean", f"rename {top} gold", "design -stash gold",
            f"read_verilog ../{voted.name}", f"hierarchy -top {top}", "proc", *flat,
            f"rename {top} gate", "design -stash gate",
            "design -copy-from gold gold", "design -copy-from gate gate",
            "equiv_make gold gate equiv", "hierarchy -top equiv", "equiv_struct", "equiv_simple",
            "equiv_induct", f"tee -q -o {status} equiv_status",
        ],
        folder=folder,
        name=f"{top}-equivalence",
        outputs=(status,),
        check=lambda made: _verdict(made / status),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )  # fmt: skip
    return _verdict(folder / status)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _verdict(path: Path) -> SameDesign:
    found = _FOUND.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise BackendError(f"{path.name}: says nothing of a proof", hint="use the pyosys of `rtl`")
    return SameDesign(int(found[1]), int(found[2]))
