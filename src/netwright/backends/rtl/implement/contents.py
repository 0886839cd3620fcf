"""Whether memories that are only read hold a word at every place.

Yosys leaves open what a file of contents does not say, and makes of it what takes the fewest cells:
a table file that was cut would be counted as a small design. Words that a file leaves open itself,
``xx``, are words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netwright.errors import BackendError
from netwright.escape import visible

WRITES = ("$memwr", "$memwr_v2")
CONTENTS = ("$meminit", "$meminit_v2")


def refuse_gaps(modules: Mapping[str, Any]) -> None:
    """Refuse memories that nothing writes and that have places without contents.

    Args:
        modules: Modules of a netlist of Yosys, behind ``proc``.

    Raises:
        BackendError: There is such a memory; all of them are named.
    """
    faults = [fault for name, module in modules.items() for fault in _gaps(name, module)]
    if faults:
        raise BackendError(
            "; ".join(faults[:8]) + ("; …" if len(faults) > 8 else ""),
            hint="is the file of its contents cut? what is left open would be counted as nothing",
        )


def _gaps(name: str, module: Mapping[str, Any]) -> Iterator[str]:
    filled: dict[str, set[int]] = {}
    written: set[str] = set()
    for cell in module["cells"].values():
        if cell["type"] in WRITES:
            written.add(_memory(cell))
        elif cell["type"] in CONTENTS:
            filled.setdefault(_memory(cell), set()).update(_places(cell))
    for memory, about in module.get("memories", {}).items():
        held, size = filled.get(memory, set()), int(about["size"])
        if memory not in written and len(held) < size:
            kind = module["attributes"].get("hdlname", name)
            yield (
                f"{visible(str(kind))}: {len(held)} of {size} words of the memory "
                f"{visible(memory)} have contents, and nothing writes it"
            )


def _memory(cell: Mapping[str, Any]) -> str:
    return str(cell["parameters"]["MEMID"]).removeprefix("\\")


def _places(cell: Mapping[str, Any]) -> range:
    """The places that a cell of contents fills."""
    first = _number(cell["connections"]["ADDR"])
    return range(first, first + int(str(cell["parameters"]["WORDS"]), 2))


def _number(bits: list[str]) -> int:
    return sum(1 << place for place, bit in enumerate(bits) if bit == "1")
