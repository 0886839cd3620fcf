"""What a chip consists of: its network's streams, its event, its memories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netwright.backends.rtl.cells.circuit import Port
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.rtl.streams.network import Stream, Terminal
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.backends.soc.memory_map import Region, regions
from netwright.backends.soc.options import SocOptions
from netwright.errors import GraphError

WORD_BYTES = 4
SAMPLE_BITS = (8, 16, 32)
"""Widths that a sample of an event may have."""

FEATURE_BITS = 16
"""Width of a sample for an accelerator that all layers share: a word of its feature maps."""

MAX_EVENT_BYTES = 1 << 16
MAX_RESULTS = 1 << 14


@dataclass(frozen=True)
class Input:
    """A stream into the network, and its part of an event.

    Attributes:
        terminal: The stream.
        sample_bits: Bits of a sample in an event.
        offset: First byte of its samples in an event.
    """

    terminal: Terminal
    sample_bits: int
    offset: int

    @property
    def elements(self) -> int:
        """Samples of one event."""
        return int(self.terminal.order.size)

    @property
    def words(self) -> int:
        """Words that the samples take; what is left of the last one is zero."""
        return -(-self.elements * self.sample_bits // (8 * WORD_BYTES))


@dataclass(frozen=True)
class Output:
    """A stream out of the network, and its part of the results.

    Attributes:
        terminal: The stream.
        offset: Word of its first element in the results.
    """

    terminal: Terminal
    offset: int

    @property
    def elements(self) -> int:
        """Elements of one row."""
        return int(self.terminal.order.size)

    @property
    def element_words(self) -> int:
        """Words of an element: 1, or 2 with the lower one first."""
        return 1 if self.terminal.stream.bits <= 8 * WORD_BYTES else 2

    @property
    def words(self) -> int:
        """Words of all elements."""
        return self.elements * self.element_words


@dataclass(frozen=True)
class Structure:
    """A chip.

    Attributes:
        options: What was asked for.
        network: The hardware of the network.
        inputs: Streams into it, in the order of an event.
        outputs: Streams out of it, in the order of the results.
        rom_bytes: Bytes for the program.
        ram_bytes: Bytes for its data.
    """

    options: SocOptions
    network: RtlDesign
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rom_bytes: int
    ram_bytes: int

    @classmethod
    def of(
        cls, options: SocOptions, network: RtlDesign, *, rom_bytes: int, ram_bytes: int
    ) -> Structure:
        """The chip around a network.

        Args:
            options: What is asked for.
            network: The hardware of the network.
            rom_bytes: Bytes that the program needs, unless the options say otherwise.
            ram_bytes: Bytes that its data need, likewise.

        Raises:
            GraphError: An event or the results are too large, or have values of too many bits.
        """
        inputs, offset = [], 0
        sides = terminals(network)
        for terminal in sides[0]:
            needed = terminal.stream.bits
            if needed > SAMPLE_BITS[-1]:
                raise GraphError(
                    f'input "{terminal.tensor}" has {needed} bits; a sample has up to '
                    f"{SAMPLE_BITS[-1]}"
                )
            shared = isinstance(network, SharedDesign)
            bits = FEATURE_BITS if shared else next(b for b in SAMPLE_BITS if needed <= b)
            inputs.append(Input(terminal, bits, offset))
            offset += WORD_BYTES * inputs[-1].words
        outputs, words = [], 0
        for terminal in sides[1]:
            outputs.append(Output(terminal, words))
            words += outputs[-1].words
        if offset > MAX_EVENT_BYTES or words > MAX_RESULTS:
            raise GraphError(
                f"an event of {offset} bytes with {words} words of results is too large; a chip "
                f"takes {MAX_EVENT_BYTES} bytes and gives {MAX_RESULTS} words"
            )
        return cls(
            options,
            network,
            tuple(inputs),
            tuple(outputs),
            options.rom_bytes or rom_bytes,
            options.ram_bytes or ram_bytes,
        )

    @property
    def event_bytes(self) -> int:
        """Bytes of an event, without the command."""
        return sum(WORD_BYTES * source.words for source in self.inputs)

    @property
    def result_words(self) -> int:
        """Words of the results of a row."""
        return sum(output.words for output in self.outputs)

    @cached_property
    def space(self) -> tuple[Region, ...]:
        """The address space."""
        return regions(
            rom_bytes=self.rom_bytes,
            ram_bytes=self.ram_bytes,
            event_bytes=self.event_bytes,
            num_inputs=len(self.inputs),
            result_words=self.result_words,
            shared=isinstance(self.network, SharedDesign),
        )


def terminals(design: RtlDesign) -> tuple[tuple[Terminal, ...], tuple[Terminal, ...]]:
    """The streams into and out of a design; an unrolled one takes and gives rows as one beat."""
    if isinstance(design, StreamDesign):
        return design.network.inputs, design.network.outputs
    circuit = design.circuit
    return tuple(map(_row, circuit.inputs)), tuple(map(_row, circuit.outputs))


def _row(port: Port) -> Terminal:
    low = -(1 << (port.bits - 1)) if port.signed else 0
    interval = (low, low + (1 << port.bits) - 1)
    stream = Stream(port.name, port.tensor, 1, port.num_elements, interval)
    order = np.arange(port.num_elements, dtype=np.int64).reshape(1, -1)
    return Terminal(port.tensor, port.name, stream, order)
