"""What the parts of arrays take side by side: elements, decoders, encoders and sorters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from netwright.backends.base import BUILD_FOLDER, publish_files
from netwright.backends.rtl.arrays.counting import Cells, PartCount, count_parts
from netwright.backends.rtl.arrays.nm import NMArray
from netwright.backends.rtl.arrays.outlier import OutlierArray
from netwright.backends.rtl.arrays.structure import ACC_BITS, library_closure
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text
from netwright.errors import ConfigError
from netwright.files import write_text
from netwright.formats import OutlierPairs
from netwright.progress import Progress, silent

KIND = "array-elements"
TOP = "array_elements"
TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Element:
    """A library module with parameters.

    Attributes:
        name: What it is called here.
        module: Name of the module.
        parameters: Its parameters.
    """

    name: str
    module: str
    parameters: Mapping[str, int]


PAIRS: Mapping[str, OutlierPairs] = MappingProxyType(
    {
        "int4": OutlierPairs(),
        "flint4": OutlierPairs("flint4"),
        "int8_e4m3": OutlierPairs("int8"),
        "int8_e2m5": OutlierPairs("int8", outlier="e2m5"),
    }
)
"""Codes of outlier-victim pairs whose elements are counted, by what elements are named after."""

ENCODED_BITS = 10
"""Bits of what the counted encoders round."""

PATTERNS = ((2, 4), (2, 8), (1, 8), (1, 16))
"""N:M patterns whose elements and sorters are counted."""


def elements() -> Iterator[Element]:
    """All that is compared: plain elements first."""
    for bits in (4, 8):
        yield Element(f"plain_int{bits}", "mac_pe", {"BITS": bits, "ACC_BITS": ACC_BITS})
    for name, number in PAIRS.items():
        known = OutlierArray(1, 1, number).structure.parameters
        names = ("INT_BITS", "EXPONENT_BITS", "MAX_SHIFT", "ACC_BITS")
        yield Element(f"ovp_{name}", "ovp_pe", _some(known, *names))
    for kept, group in PATTERNS:
        known = NMArray(1, 1, kept, group).structure.parameters
        yield Element(f"nm_{kept}of{group}", "nm_pe", _of_element(known))
    known = NMArray(1, 1, number="bfloat16").structure.parameters
    yield Element("nm_2of8_bfloat16", "nm_pe", _of_element(known))
    for name, number in PAIRS.items():
        known = OutlierArray(1, 1, number).structure.parameters
        kind = "FLINT" if number.bits == 4 else "MANTISSA_BITS"
        own = _some(known, kind, "BIAS", "EXPONENT_BITS")
        yield Element(f"decoder_{name}", f"ovp_decode{number.bits}", own)
    for flint, bias in ((0, 2), (1, 3)):
        encoded = {"FLINT": flint, "BIAS": bias, "X_BITS": ENCODED_BITS}
        yield Element("encoder_flint4" if flint else "encoder_int4", "ovp_encode4", encoded)
    for kept, group in PATTERNS:
        known = NMArray(1, 1, kept, group).structure.parameters
        own = _some(known, "KEPT", "GROUP", "INDEX_BITS", "VALUE_BITS")
        yield Element(f"sorter_{kept}of{group}", "nm_sorter", own)


def _of_element(known: Mapping[str, int]) -> dict[str, int]:
    """The parameters of an element among those of its N:M array."""
    names = ("GROUP", "SLOTS", "INDEX_BITS", "VALUE_BITS", "ACC_BITS", "FLOAT")
    return {**_some(known, *names), "SLOT_BITS": known["INDEX_BITS"]}


def _some(parameters: Mapping[str, int], *names: str) -> dict[str, int]:
    return {name: parameters[name] for name in names}


def count_elements(
    folder: str | Path,
    cells: Cells = "nangate45",
    *,
    only: Collection[str] | None = None,
    timeout_s: float = TIMEOUT_S,
    progress: Progress = silent,
) -> Mapping[str, PartCount]:
    """Count every element, decoder, encoder and sorter in one synthesis.

    All sums have 32 bits, all elements the same registers around what differs. Encoders take ten
    bits; sorters keep values of eight.

    Args:
        folder: Where the Verilog and the report go.
        cells: What to count in; see :meth:`ArrayDesign.count`.
        only: Names of those to count; all unless given.
        timeout_s: Wall-clock seconds the synthesizer gets.
        progress: Told what it does.

    Returns:
        Counts by name: ``plain_int4``, ``ovp_int4``, ``nm_2of8``, ``decoder_flint4``,
        ``encoder_int4``, ``sorter_2of8`` and others.

    Raises:
        ConfigError: There are no such cells, or no such names.
        ToolMissing: The library is not installed.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        RunError: The folder holds something else, or cannot be written.
    """
    known = {element.name: element for element in elements()}
    names = tuple(known) if only is None else tuple(only)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ConfigError(
            f"only must name elements, not {', '.join(unknown) or 'nothing'}",
            hint=f"elements: {', '.join(known)}",
        )
    chosen = tuple(known[name] for name in names)
    texts = {f"{TOP}.v": "".join(_text(chosen))}
    modules = {name for element in chosen for name in library_closure(element.module)}
    modules -= {element.module for element in chosen}
    texts |= {f"{LIBRARY_FOLDER}/{name}.v": library_text(name) for name in sorted(modules)}

    def write(place: Path) -> None:
        (place / LIBRARY_FOLDER).mkdir()
        for name, text in texts.items():
            write_text(place / name, text)

    root = Path(folder)
    files = publish_files(root, kind=KIND, about={}, write=write)
    return count_parts(
        TOP, [element.name for element in chosen], [root / name for name in files], cells=cells,
        folder=root / BUILD_FOLDER, timeout_s=timeout_s, progress=progress,
    ).parts  # fmt: skip


def _text(chosen: tuple[Element, ...]) -> Iterator[str]:
    """Every element under its name with its parameters, and all of them side by side."""
    for element in chosen:
        text = library_text(element.module)
        text = text.replace(f"module {element.module} #(", f"module {element.name} #(")
        for name, value in element.parameters.items():
            text = re.sub(rf"(\bparameter +{name} *= *)\w+", rf"\g<1>{value}", text)
        yield text
    yield f"module {TOP};\n"
    for element in chosen:
        yield f"  (* keep *) {element.name} u_{element.name} ();\n"
    yield "endmodule\n"
