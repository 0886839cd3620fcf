"""What talks to a chip over a bus, a real one or a simulated one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from netwright.backends.rtl.chip.bank import CRC_BYTES, HEADER_BYTES, Bank
from netwright.backends.rtl.chip.image import WeightImage
from netwright.backends.rtl.chip.registers import (
    CLEAR,
    COMMIT,
    FAULTS,
    IDENTITY,
    STATUS,
    registers,
)
from netwright.errors import BackendError


class Bus(Protocol):
    """A bus with devices; :class:`~netwright.backends.rtl.chip.bus.Controller` is one."""

    def write(self, address: int, data: bytes) -> list[bool]:
        """Write bytes; which were acknowledged, that of the address first."""

    def read(self, address: int, pointer: bytes, count: int) -> bytes | None:
        """Write a pointer and read bytes; ``None`` if nobody answers."""


@dataclass(frozen=True, slots=True)
class ChipStatus:
    """What a chip says of itself.

    Attributes:
        busy: A check runs.
        loaded: Weights were committed since the reset.
        faults: Names of the faults that were noted and not cleared.
        generation: Commits since the reset, modulo 16.
        mode: The mode that is in use.
    """

    busy: bool
    loaded: bool
    faults: tuple[str, ...]
    generation: int
    mode: int


@dataclass(frozen=True)
class ChipDriver:
    """Loads and reads a chip.

    Attributes:
        bus: The bus that it hangs on.
        bank: Its bank.
        address: Its address on the bus.
    """

    bus: Bus
    bank: Bank
    address: int

    def check_identity(self) -> None:
        """Make sure that the chip at the address has this bank.

        Raises:
            BackendError: It has not, or nobody answers.
        """
        said = {
            "identity": IDENTITY,
            "layout": self.bank.layout,
            "size": self.bank.size,
        }
        for name, value in said.items():
            got = int.from_bytes(self.read(name), "little")
            if got != value:
                raise BackendError(f"the chip says {name} 0x{got:04x}, not 0x{value:04x}")

    def load(self, image: WeightImage) -> None:
        """Write an image, make the chip commit it, and make sure that it did.

        Raises:
            BackendError: It did not; the message has the faults.
        """
        self._commit({0: image.data})

    def set_mode(self, image: WeightImage, mode: int) -> WeightImage:
        """Commit the same weights in another mode: writes the mode and the CRC only.

        Args:
            image: What is loaded.
            mode: The mode.

        Returns:
            The image that is loaded then.

        Raises:
            BackendError: The chip refused it.
            DataError: There is no such mode.
        """
        other = image.with_mode(self.bank, mode)
        end = self.bank.size - CRC_BYTES
        self._commit({0: other.data[:HEADER_BYTES], end: other.data[end:]})
        return other

    def _commit(self, parts: Mapping[int, bytes]) -> None:
        """Write some bytes of the bank, commit it and make sure that this was done.

        Raises:
            BackendError: It was not.
        """
        self.command(CLEAR)
        before = self.status().generation
        for start, data in parts.items():
            self.write("shadow", data, offset=start)
        self.command(COMMIT)
        status = self.status()
        while status.busy:
            status = self.status()
        if status.faults or status.generation != (before + 1) % 16:
            raise BackendError(
                f"the chip refused the bank: {', '.join(status.faults) or 'it did not commit'}",
                hint="it computes with the weights it had before",
            )

    def read_back(self) -> WeightImage:
        """The image that computes, as it is in the chip.

        Raises:
            BackendError: Nobody answers.
            DataError: It is damaged.
        """
        return WeightImage.checked(self.bank, self.read("active"))

    def status(self) -> ChipStatus:
        """What the chip says of itself.

        Raises:
            BackendError: Nobody answers.
        """
        status, faults, generation, mode = (
            self.read(name)[0] for name in ("status", "faults", "generation", "mode")
        )
        said = {field.name for field in STATUS if status & field.mask}
        return ChipStatus(
            busy="busy" in said,
            loaded="loaded" in said,
            faults=tuple(field.name for field in FAULTS if faults & field.mask),
            generation=generation,
            mode=mode,
        )

    def command(self, code: int) -> bool:
        """Give a command; whether it was accepted."""
        return self.bus.write(self.address, self._pointer("command") + bytes([code]))[-1]

    def write(self, name: str, data: bytes, *, offset: int = 0) -> None:
        """Write the bytes of a register.

        Raises:
            BackendError: A byte was not acknowledged.
        """
        answers = self.bus.write(self.address, self._pointer(name, offset) + data)
        if not all(answers):
            raise BackendError(
                f"byte {answers.index(False)} of a transfer to {name} was not acknowledged"
            )

    def read(self, name: str) -> bytes:
        """The bytes of a register.

        Raises:
            BackendError: Nobody answers.
        """
        size = registers(self.bank)[name].size
        found = self.bus.read(self.address, self._pointer(name), size)
        if found is None:
            raise BackendError(f"nobody answers at address 0x{self.address:02x}")
        return found

    def _pointer(self, name: str, offset: int = 0) -> bytes:
        address = registers(self.bank).address(name)
        return (address + offset).to_bytes(2, "big")
