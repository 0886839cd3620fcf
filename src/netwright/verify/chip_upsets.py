"""Upsets of a chip with loaded weights: its bus is played again, then its registers are flipped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl import ChipDesign
from netwright.backends.rtl.chip import ChipDriver, Controller, Recorder, WeightImage
from netwright.backends.rtl.chip.words import Integers
from netwright.backends.rtl.radiation import CONTROL, Hardened, Protection, elaborate, triplicate
from netwright.backends.rtl.radiation.compiled import CompiledUpsets
from netwright.backends.rtl.radiation.flips import Flips, Site, flips_of
from netwright.backends.rtl.radiation.ports import Words, pack_ports
from netwright.errors import BackendError, ConfigError
from netwright.ir import Graph
from netwright.progress import Progress, silent
from netwright.verify.upsets import Tried, campaign, joined, upset_lists
from netwright.verify.weight_upsets import WeightBit, WeightUpsets

RESET_CLOCKS = 8


def hardened_chip(
    design: ChipDesign,
    protection: Protection = CONTROL,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Hardened:
    """A chip whose registers are held three times as far as a policy says.

    Args:
        design: The chip.
        protection: The policy.
        folder: Where its files go; below the folder of the design unless given.
        progress: Told what the synthesizer does.

    Raises:
        ConfigError: The policy names what the chip has not.
        CorruptOutput: A generated file is missing.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error.
    """
    place = Path(folder or design.build_folder / "radiation")
    found = elaborate(design.circuit.name, design.sources(), folder=place, progress=progress)
    return triplicate(found, protection, folder=place / _short(protection), progress=progress)


def _short(protection: Protection) -> str:
    """A name of a folder for what a policy gives."""
    text = repr((protection.roles, protection.names, sorted(protection.bits)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def loaded_moment(
    design: ChipDesign,
    hardened: Hardened,
    image: WeightImage,
    *,
    folder: Path,
) -> CompiledUpsets:
    """A chip at the moment after its weights were loaded over its bus, ready for upsets.

    The bus is driven once with the chip as it was generated, and its lines are played to the
    hardened one: both must answer alike, or its words are not those of the reference.

    Args:
        design: The chip.
        hardened: The same chip in the form whose registers can be flipped.
        image: The weights.
        folder: Where the compiled simulation is kept.

    Raises:
        BackendError: The chip refused the weights.
        ToolMissing: Verilator or g++ is not installed.
        ToolFailed: One of them ended with an error.
    """
    with design.simulated() as chip:
        recorder = Recorder(chip)
        controller = Controller(recorder)
        ChipDriver(controller, design.bank, design.structure.options.address).load(image)
    idle = np.ones(RESET_CLOCKS + design.structure.options.latency_cycles, dtype=np.uint8)
    scl, sda = (np.concatenate([idle, *lines]) for lines in (recorder.clock, recorder.data))
    reset = np.ones(len(scl), dtype=np.uint8)
    reset[:RESET_CLOCKS] = 0
    ports = _ports(hardened)
    prefix = pack_ports(ports, {"rst_n": reset, "scl": scl, "sda": sda})  # type: ignore[dict-item]
    return CompiledUpsets(hardened, prefix, folder=folder)


def crossing_rows(design: ChipDesign, hardened: Hardened, charges: Integers) -> Words:
    """The inputs of a chip while wafers enter, one a clock, and its bus is free."""
    bits = design.structure.options.charge_bits
    packed = [sum(int(c) << (i * bits) for i, c in enumerate(row)) for row in charges]
    one = [1] * len(packed)
    return pack_ports(
        _ports(hardened), {"charges_data": packed, "rst_n": one, "scl": one, "sda": one}
    )


def _ports(hardened: Hardened) -> dict[str, int]:
    elaboration = hardened.elaboration
    return {n: b for n, b in elaboration.inputs.items() if n != elaboration.clock}


def register_of(design: ChipDesign, bit: WeightBit, *, bank: str = "active") -> str:
    """The bit of a register that holds a bit of a weight.

    Args:
        design: The chip.
        bit: The bit of the weight.
        bank: ``"active"`` (what computes) or ``"shadow"`` (what is written).

    Raises:
        ConfigError: The weight is not loaded.
    """
    structure = design.structure
    for entry in structure.bank.fields:
        if entry.tensor == bit.tensor:
            shape = design.graph.constants[bit.tensor].shape
            number = int(np.ravel_multi_index(bit.index, shape))
            lane = entry.lanes(structure.names[entry.tensor])[bit.bit // 8]
            place = number * lane.bits + bit.bit % 8
            return f"u_registers.u_{lane.name}_bank.{bank}[{place}]"
    raise ConfigError(f'"{bit.tensor}" is not loaded into the chip')


def words_after(
    design: ChipDesign, upsets: WeightUpsets, bits: Sequence[WeightBit], words: Words
) -> NDArray[np.uint32]:
    """Words of the chip while each of some weight bits is flipped, from the integer graph.

    Args:
        design: The chip.
        upsets: Its graph with the inputs of some wafers.
        bits: The bits.
        words: Words without an upset, (wafers, links): their headers and exponents are kept.

    Returns:
        Words (bits, wafers, links).
    """
    codes = (upsets.output(bit) for bit in bits)
    made = [_packed(design, values, words) for values in codes]
    return np.stack(made) if made else np.empty((0, *words.shape), dtype=np.uint32)


def _packed(design: ChipDesign, codes: NDArray[np.int64], words: Words) -> Words:
    """Outputs of the network behind the headers and exponents of some words."""
    header = words[:, 0].astype(np.int64)
    return design.structure.words.pack(
        codes.reshape(len(words), -1),
        header >> 11 & 31,
        mode=int(header[0] & 3),
        generation=header >> 2 & 15,
        crossing=header >> 6 & 15,
        fault=header >> 10 & 1,
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether a simulation of the chip and the integer graph say the same after upsets.

    Attributes:
        upsets: Weight bits that were flipped.
        wafers: Wafers that followed each.
        identical: Upsets after which all words of all wafers were identical.
    """

    upsets: int
    wafers: int
    identical: int

    @property
    def holds(self) -> bool:
        """Whether all were identical, and there was one, followed by a wafer."""
        return self.wafers > 0 and 0 < self.upsets == self.identical


def agreement(
    design: ChipDesign,
    moment: CompiledUpsets,
    graph: Graph,
    charges: Integers,
    bits: Sequence[WeightBit],
) -> Agreement:
    """Flip weight bits in the active bank of a chip without voters, and in its integer graph.

    Args:
        design: The chip.
        moment: The chip with the weights of `graph`, its registers not protected.
        graph: The network that is loaded.
        charges: Wafers, (wafers, cells), two or more.
        bits: The bits to flip.

    Raises:
        BackendError: The chip does not compute what its graph says, even without an upset.
    """
    rows = crossing_rows(design, moment.hardened, charges)
    flips = flips_of(moment.hardened, [[Site(register_of(design, bit))] for bit in bits])
    found = moment.run(rows, flips, keep_outputs=True)
    assert found.outputs is not None
    latency = design.structure.options.latency_cycles
    reference = design.reference.with_graph(graph)
    inputs, _ = reference.inputs(charges[:-latency])
    upsets = WeightUpsets(graph, inputs)
    links = links_of(moment.hardened, found.golden)[latency:]
    if not np.array_equal(_packed(design, upsets.golden, links), links):
        raise BackendError("the chip does not compute what its graph says")
    expected = words_after(design, upsets, bits, links)
    taken = np.stack([links_of(moment.hardened, words)[latency:] for words in found.outputs])
    same = (taken == expected).all(axis=(1, 2))
    return Agreement(len(bits), len(links), int(same.sum()))


def links_of(hardened: Hardened, words: Words) -> Words:
    """The part of the output words that the links are."""
    start = 0
    for name, bits in hardened.elaboration.outputs.items():
        size = -(-bits // 32)
        if name == "links_data":
            return words[..., start : start + size]
        start += size
    raise BackendError(f"{hardened.top} has no links")


@dataclass(frozen=True)
class ChipUpsets:
    """An upset campaign of a chip.

    Attributes:
        hardened: The chip that was tried.
        tried: What the upsets of every list did.
    """

    hardened: Hardened
    tried: tuple[Tried, ...]

    @property
    def single(self) -> Tried:
        """All single upsets of registers that hold: configuration, state, pointers, together."""
        parts = [t for t in self.tried if t.name in _HELD_NAMES]

        return joined("single, all held", parts)


_HELD_NAMES = tuple(f"single, {role}" for role in ("configuration", "state", "pointer"))


def try_upsets(
    design: ChipDesign,
    charges: Integers,
    *,
    graph: Graph | None = None,
    mode: int | None = None,
    protection: Protection = CONTROL,
    samples: int = 1000,
    seed: int = 0,
    folder: str | Path | None = None,
    log: str | Path | None = None,
    progress: Progress = silent,
) -> ChipUpsets:
    """Load a chip over its bus, and try every single upset of what it holds, and samples of others.

    Args:
        design: The chip.
        charges: Wafers that enter from the clock of the upset on, one a clock.
        graph: The network that is loaded; that of the chip unless given.
        mode: Number of the output bits; the last unless given.
        protection: Which registers are held three times.
        samples: Upsets in each sample; see :func:`~netwright.verify.upsets.upset_lists`.
        seed: Seed of the samples.
        folder: Where files go; below the folder of the design unless given.
        log: JSON-lines file of finished pieces; the same call goes on where it was stopped.
        progress: Told of every piece.

    Raises:
        ConfigError: The policy names what the chip has not.
        BackendError: The chip refused the weights.
        ToolMissing: Verilator or g++ is not installed.
    """
    place = Path(folder or design.build_folder / "radiation")
    hardened = hardened_chip(design, protection, folder=place, progress=progress)
    chosen = len(design.structure.options.latent_bits) - 1 if mode is None else mode
    image = design.image(graph, mode=chosen)
    rows = crossing_rows(design, hardened, charges)
    lists: dict[str, Flips] = upset_lists(hardened, samples=samples, seed=seed)
    with loaded_moment(design, hardened, image, folder=hardened.verilog.parent) as moment:
        tried = campaign(moment, rows, lists, log=log, progress=progress)
    return ChipUpsets(hardened, tried)


def drawn_charges(design: ChipDesign, wafers: int, *, seed: int) -> Integers:
    """Charges drawn at random over all orders of magnitude; four in ten cells are hit.

    Args:
        design: The chip.
        wafers: How many.
        seed: Seed of the draw.
    """
    random = np.random.default_rng(seed)
    bits, cells = design.structure.options.charge_bits, design.structure.cells
    peaks = 2.0 ** random.uniform(0, bits, (wafers, 1))
    shares = random.exponential(0.3, (wafers, cells)) * (random.random((wafers, cells)) < 0.4)
    return np.minimum(np.floor(peaks * shares), (1 << bits) - 1).astype(np.int64)
