"""The backend: options, and the step from a graph to a chip on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from netwright.backends.base import publish
from netwright.backends.opened import Opened
from netwright.backends.rtl.backend import RtlBackend
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.options import PART, RtlOptions
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.soc.chip_text import chip_sources
from netwright.backends.soc.cores import CORES
from netwright.backends.soc.design import CORE_FOLDER, NETWORK_FOLDER, SocDesign
from netwright.backends.soc.memory_map import markdown
from netwright.backends.soc.options import CLOCK_MHZ, SocOptions, network_options
from netwright.backends.soc.preprocessing import preprocessed
from netwright.backends.soc.program import FIRMWARE_FOLDER, firmware_sources
from netwright.backends.soc.shared_image import image_bytes
from netwright.backends.soc.software import Software, software
from netwright.backends.soc.structure import Structure
from netwright.backends.tools import SIMULATED_WITH
from netwright.files import write_text
from netwright.ir import Graph

KIND = "soc"

PROGRAM_BYTES = 4096
"""Bytes that everything but the software may take."""

STACK_BYTES = 2048
ANSWERS = 4
"""Answers that the firmware keeps for the UART."""


@dataclass(frozen=True)
class SocBackend(SocOptions):
    """Makes chips: a processor with its memories, an event input, a UART and a network.

    The options are those of :class:`SocOptions`.
    """

    requires: ClassVar[tuple[str, ...]] = ("soc", "rtl", SIMULATED_WITH)

    @classmethod
    def of(cls, options: SocOptions) -> SocBackend:
        """The backend that makes designs with these options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(SocOptions)})

    def generate(self, graph: Graph, out: str | Path) -> SocDesign:
        """Write the chip for `graph` to the folder `out`, whole or not at all.

        Args:
            graph: A graph in the integer form.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule, is not in the integer form, needs too many
                operations, or has an event or results that are too large.
            ConfigError: A reuse factor does not fit its node.
            UnsupportedOp: A node has no hardware here; nothing is written.
            NumericsError: A value would need more than 64 bits.
            MissingExtra: The package of the core is not installed.
            RunError: `out` holds something else, or cannot be written.
        """
        root = Path(out)
        core = CORES[self.core].file
        made: list[tuple[RtlDesign, Structure]] = []

        def write(folder: Path) -> None:
            network = RtlBackend.of(self.network).generate(
                replace(graph, name="network"), folder / NETWORK_FOLDER
            )
            structure, routine = self._structure(graph, network)
            made.append((network, structure))
            texts = chip_sources(structure) | {"registers.md": markdown(structure.space)}
            for name, text in firmware_sources(structure, routine.text).items():
                texts[f"{FIRMWARE_FOLDER}/{name}"] = text
            texts[f"{CORE_FOLDER}/{core.name}"] = preprocessed(
                core.read_text(encoding="utf-8"), source=str(core)
            )
            for name, text in texts.items():
                path = folder / name
                path.parent.mkdir(exist_ok=True)
                write_text(path, text)

        files = publish(root, graph, kind=KIND, about={"options": self.record}, write=write)
        network, structure = made[0]
        moved = replace(network, root=root / NETWORK_FOLDER)
        return SocDesign(
            root, graph, self, MappingProxyType(files), replace(structure, network=moved)
        )

    def open(self, folder: str | Path) -> SocDesign:
        """The design that a backend of this kind wrote to `folder`, with the options that it had.

        Raises:
            RunError: The folder holds no such design.
            DataError: Its manifest or its graph is damaged.
        """
        found = Opened.of(folder, kind=KIND)
        backend = SocBackend.of(found.options_as(SocOptions))
        network = RtlBackend.of(backend.network).open(found.root / NETWORK_FOLDER)
        structure, _ = backend._structure(found.graph, network)
        return SocDesign(found.root, found.graph, backend, found.files, structure)

    def _structure(self, graph: Graph, network: RtlDesign) -> tuple[Structure, Software]:
        """The chip and the software of a network."""
        sized = Structure.of(self, network, rom_bytes=1024, ram_bytes=1024)
        routine = software(graph, sized)
        constants = routine.constant_bytes + routine.code_bytes
        if isinstance(network, SharedDesign):
            constants += image_bytes(network.plan)
        rom = _power_of_two(PROGRAM_BYTES + constants)
        ram = _power_of_two(
            STACK_BYTES + routine.data_bytes + ANSWERS * (20 + 4 * sized.result_words)
        )
        return Structure.of(self, network, rom_bytes=rom, ram_bytes=ram), routine


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()


def soc(
    *,
    core: str = SocOptions.core,
    part: str = PART,
    clock_mhz: float = CLOCK_MHZ,
    rom_bytes: int | None = None,
    ram_bytes: int | None = None,
    spi_lanes: int = SocOptions.spi_lanes,
    clocks_per_bit: int = SocOptions.clocks_per_bit,
    watchdog_cycles: int = SocOptions.watchdog_cycles,
    network: RtlOptions | None = None,
) -> SocBackend:
    """The backend of chips with these options; see :class:`SocOptions`.

    >>> soc(clock_mhz=25.0).core
    'picorv32'
    """
    return SocBackend(
        core=core,
        part=part,
        clock_mhz=clock_mhz,
        rom_bytes=rom_bytes,
        ram_bytes=ram_bytes,
        spi_lanes=spi_lanes,
        clocks_per_bit=clocks_per_bit,
        watchdog_cycles=watchdog_cycles,
        network=network_options(network, part=part),
    )
