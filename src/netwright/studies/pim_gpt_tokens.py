"""What the study ``pim-gpt`` simulates and measures: tokens of decoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from netwright import arch
from netwright.cost import events, price, sequence
from netwright.mapping import Banks, place
from netwright.quantities import Quantity
from netwright.studies import Profile
from netwright.workload import DECODERS, decoder

MACHINE = "gddr6-aim"
SMALLEST, LARGEST = "gpt2_small", "gpt3_xl"
CHANNELS = (1, 2, 4, 8, 16)
CONTEXTS = (128, 256, 512, 1024, 2048)
CLOCKS_MHZ = (1000, 100)
SMOKE_TOKENS = 64
MEASURED_TOKENS = 128

RULES = {
    "vectors spread evenly": Banks(balanced=False),
    "heads side by side": Banks(packed=False),
    "rows of keys": Banks(key_rows=False),
    "columns of values": Banks(value_columns=False),
}
"""Each without one of the rules. Without pieces, what is wider than a buffer is refused."""

ALL, HELD = Banks(), Banks(parameters=False)
"""All rules; and what the host reads is no part of the memory."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A token that is simulated.

    Attributes:
        network: Name of the decoder.
        tokens: Of context, the new one included; as many as it was trained on if 0.
        channels: Of the memory.
        host_mhz: Clock of the host chip.
        rules: Of the placement, with room for as many tokens as it was trained on.
    """

    network: str
    tokens: int = 0
    channels: int = 8
    host_mhz: int = 1000
    rules: Banks = ALL


@dataclass(frozen=True, slots=True)
class Token:
    """What came of it.

    Attributes:
        seconds: From the first to the last command.
        joules: Of all parts of the machine.
        seconds_by: By kind of stage.
        row_hits: Share of columns whose row was open already.
        bank_bytes: Bytes that banks gave or took.
        pin_bytes: Bytes that crossed the pins.
        commands: That were judged: of one channel of each kind.
        violations: What no rule allows of them.
    """

    seconds: float
    joules: float
    seconds_by: dict[str, float]
    row_hits: float
    bank_bytes: int
    pin_bytes: int
    commands: int
    violations: tuple[str, ...]


def machine_of(setting: Setting) -> arch.Architecture:
    """The machine with other channels, or a slower host."""
    machine = arch.with_channels(arch.find(MACHINE), setting.channels)
    slower = setting.host_mhz / 1000
    changes = [
        f"{place}={machine.figures[place].value * slower:g}{unit}"
        for place, unit in (("host.rate", "Hz"), ("host_sram.bandwidth", "B/s"))
    ]
    return arch.with_settings(machine, changes) if slower != 1 else machine


@cache
def simulated(setting: Setting) -> Token:
    """A token, command by command; its trace is judged."""
    room = DECODERS[setting.network].tokens
    workload = decoder(setting.network, tokens=setting.tokens or None)
    machine = machine_of(setting)
    mapping = place(workload, machine, replace(setting.rules, tokens=room))
    done = events.execute(workload, machine, mapping)
    dram = machine.memories[0].dram
    assert dram is not None
    commands, wrong = events.judged(done, dram)
    total = sequence(workload.name, [price(counts, machine) for counts in done.counts])
    cycle = dram.clock.value
    return Token(
        done.outcome.cycles * cycle, total.joules,
        {kind: cycles * cycle for kind, cycles in done.cycles_by.items()}, done.row_hits,
        total.bytes_moved["banks"],
        sum(counts.amount(dram.pins, "cross") for counts in done.counts) // 8, commands, wrong,
    )  # fmt: skip


def eight(profile: Profile) -> Iterator[tuple[str, Token]]:
    """The networks by name; the smallest one after few tokens for the profile ``smoke``."""
    names = DECODERS if profile == "full" else (SMALLEST,)
    tokens = 0 if profile == "full" else SMOKE_TOKENS
    yield from ((name, simulated(Setting(name, tokens))) for name in names)


def settings(profile: Profile) -> tuple[Setting, ...]:
    """Every token that the study simulates."""
    if profile == "smoke":
        return (Setting(SMALLEST, SMOKE_TOKENS),)
    found = [Setting(name, host_mhz=mhz) for name in DECODERS for mhz in CLOCKS_MHZ]
    found += [Setting(SMALLEST, channels=number) for number in CHANNELS]
    found += [Setting(LARGEST, tokens) for tokens in CONTEXTS] + [Setting(LARGEST, rules=HELD)]
    return (*found, *(Setting(SMALLEST, rules=rules) for rules in RULES.values()))


def modelled(value: float, unit: str) -> Quantity:
    """A figure of the simulated machine."""
    return Quantity(value, unit, f"events on {MACHINE}", "modelled")
