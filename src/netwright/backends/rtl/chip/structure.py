"""What a chip consists of: its network, its bank, its words, and the names in its Verilog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.words import WordFormat
from netwright.backends.rtl.chip_options import EXPONENT_BITS, ChipOptions
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.unrolling import MAX_OPERATIONS
from netwright.errors import ConfigError, GraphError
from netwright.escape import Identifiers
from netwright.ir import Graph, Node

_WORDS = ("clk", "rst_n", "charges", "scl", "sda", "links", "mode", "generation", "fault", "header",
          "crc", "codes", "made", "outputs", "arranged", "exponent", "data", "pointer", "write",
          "reading", "busy", "commit", "faults", "loaded", "shadow", "active")  # fmt: skip


@dataclass(frozen=True)
class Structure:
    """A chip.

    Attributes:
        name: Name of the top module.
        options: What was asked for.
        network: The circuit of the network; its weights are ports.
        bank: The bank of its weights.
        words: The words that leave it.
        cells: Charges that enter it.
        code_bits: Bits of a normalized charge.
        arrangement: For every input of the network the number of its charge, or -1 for zero.
        names: Identifiers of the weights and biases by tensor.
    """

    name: str
    options: ChipOptions
    network: Circuit
    bank: Bank
    words: WordFormat
    cells: int
    code_bits: int
    arrangement: tuple[int, ...]
    names: Mapping[str, str]

    @classmethod
    def of(
        cls, graph: Graph, options: ChipOptions, *, max_operations: int = MAX_OPERATIONS
    ) -> Structure:
        """The chip around a network.

        Args:
            graph: The network, in integer form.
            options: What surrounds it.
            max_operations: Operations side by side that are allowed.

        Raises:
            GraphError: The network cannot be unrolled, does not read normalized charges, or has
                several outputs.
            ConfigError: The options do not fit the network.
            UnsupportedOp: A node has no hardware here.
            NumericsError: A value would need more than 64 bits.
        """
        network = lower(graph, None, max_operations=max_operations, loadable=True)
        host = check_graph(graph)
        words = word_format(network, options)
        size = int(np.prod(graph.types[host.output].shape[1:]))
        arrangement = options.arrangement or tuple(range(size))
        if len(arrangement) != size:
            raise ConfigError(
                f"arrangement must have {size} numbers, one for each input of the network, not "
                f"{len(arrangement)}"
            )
        cells = max(arrangement) + 1
        bank = Bank.of(graph, options.latent_bits)
        names = Identifiers(_WORDS)
        made = cls(
            name=f"{network.name}_chip",
            options=options,
            network=network,
            bank=bank,
            words=words,
            cells=cells,
            code_bits=host.integer("high").bit_length(),
            arrangement=arrangement,
            names=MappingProxyType({f.tensor: names.of(f.tensor) for f in bank.fields}),
        )
        if made.sum_bits > 1 << EXPONENT_BITS:
            raise ConfigError(
                f"the sum of {cells} charges has {made.sum_bits} bits; an exponent of "
                f"{EXPONENT_BITS} bits allows {1 << EXPONENT_BITS}"
            )
        return made

    @property
    def read_bits(self) -> int:
        """Bits of each input of the network: those of a charge, and a sign if it has one."""
        return next(port.bits for port in self.network.inputs if port.tensor not in self.names)

    @property
    def sum_bits(self) -> int:
        """Bits of the sum of all charges."""
        return (self.cells * ((1 << self.options.charge_bits) - 1)).bit_length()


def check_graph(graph: Graph) -> Node:
    """The quantizer of a network that reads normalized charges.

    Raises:
        GraphError: It reads something else, or has several inputs or outputs.
    """
    hosts = [node for node in graph.nodes if node.op == "Quantize"]
    if len(hosts) != 1 or len(graph.outputs) != 1:
        raise GraphError(
            f'a chip has one input and one output; "{graph.name}" has {len(hosts)} and '
            f"{len(graph.outputs)}"
        )
    (host,) = hosts
    bits = host.integer("high").bit_length()
    scale = 2.0 ** (1 - bits)
    signed = host.integer("low") < 0  # the sign is never used: no charge is negative
    wanted = {"low": -(1 << bits) if signed else 0, "high": (1 << bits) - 1, "zero_point": 0}
    faults = [
        f"{name} {host.integer(name, 0)}, not {value}"
        for name, value in wanted.items()
        if host.integer(name, 0) != value
    ]
    if host.reals("scale") != (scale,):
        faults.append(f"scale {', '.join(map(str, host.reals('scale')))}, not {scale}")
    if host.attrs.get("steps"):
        faults.append("arithmetic before it")
    if faults or bits < 2:
        raise GraphError(
            f"the input of a chip must be a number of some bits with one of them before the point, "
            f"a sign besides or none; it has {'; '.join(faults) or '1 bit'}",
            node=host.name,
            hint="quantize the input to 8 bits with the scale 2**-7, for values from 0 to below 2",
        )
    return host


def word_format(network: Circuit, options: ChipOptions) -> WordFormat:
    """The words of a network's outputs.

    Raises:
        ConfigError: The last mode does not keep exactly the bits of an output.
    """
    (port,) = network.outputs
    if port.bits != options.latent_bits[-1]:
        raise ConfigError(
            f"an output takes {port.bits} bits, but the last of latent_bits is "
            f"{options.latent_bits[-1]}",
            hint="quantize the outputs to as many bits as the last mode sends, or set the modes "
            f"(--set latent_bits=[{port.bits}], chip(latent_bits=({port.bits},)))",
        )
    return WordFormat(port.num_elements, port.bits, options.latent_bits)
