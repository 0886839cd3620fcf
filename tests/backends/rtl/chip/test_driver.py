"""The driver with a chip of a few lines of Python."""

from dataclasses import dataclass, field

import pytest

from netwright.backends.rtl.chip import ChipDriver, WeightImage
from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.registers import CLEAR, COMMIT, registers
from netwright.errors import BackendError
from tests.backends.rtl.chip.graphs import encoder

BANK = Bank.of(encoder(), (3, 5, 7, 9))
IMAGE = WeightImage.of(BANK, encoder(1), mode=1)
ADDRESSES = {register.name: register.offset for register in registers(BANK).registers}


@dataclass
class Chip:
    """Registers that accept what is right; `refuses` makes a commit fail."""

    refuses: bool = False
    bytes_: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for address, value in ((0, 0x574E), (3, BANK.layout), (5, BANK.size)):
            self.bytes_ |= {address: value & 255, address + 1: value >> 8}

    def write(self, address: int, data: bytes) -> list[bool]:
        if address != 0x2A:
            return [False]
        pointer, octets = int.from_bytes(data[:2], "big"), data[2:]
        for place, octet in enumerate(octets):
            if pointer == ADDRESSES["command"] and octet == COMMIT:
                self.commit()
            elif pointer == ADDRESSES["command"] and octet == CLEAR:
                self.bytes_[ADDRESSES["faults"]] = 0
            else:
                self.bytes_[pointer + place] = octet
        return [True] * (len(data) + 1)

    def commit(self) -> None:
        if self.refuses:
            self.bytes_[ADDRESSES["faults"]] = 1
            return
        for place in range(BANK.size):
            byte = self.bytes_.get(ADDRESSES["shadow"] + place, 0)
            self.bytes_[ADDRESSES["active"] + place] = byte
        self.bytes_[ADDRESSES["generation"]] = self.bytes_.get(ADDRESSES["generation"], 0) + 1

    def read(self, address: int, pointer: bytes, count: int) -> bytes | None:
        start = int.from_bytes(pointer, "big")
        if address != 0x2A:
            return None
        return bytes(self.bytes_.get(start + place, 0) for place in range(count))


def test_weights_are_loaded_and_read_back() -> None:
    driver = ChipDriver(Chip(), BANK, 0x2A)
    driver.check_identity()
    driver.load(IMAGE)
    assert driver.read_back() == IMAGE
    assert driver.status().generation == 1
    other = driver.set_mode(IMAGE, 3)
    assert driver.read_back() == other == IMAGE.with_mode(BANK, 3)


def test_a_refusal_is_an_error() -> None:
    driver = ChipDriver(Chip(refuses=True), BANK, 0x2A)
    with pytest.raises(BackendError) as caught:
        driver.load(IMAGE)
    assert str(caught.value) == (
        "the chip refused the bank: crc\nhint: it computes with the weights it had before"
    )


def test_nobody_at_the_address() -> None:
    driver = ChipDriver(Chip(), BANK, 0x2B)
    with pytest.raises(BackendError, match="nobody answers at address 0x2b"):
        driver.status()
    with pytest.raises(BackendError, match="byte 0 of a transfer to shadow was not acknowledged"):
        driver.write("shadow", b"\0")


def test_another_chip_is_told() -> None:
    chip = Chip()
    chip.bytes_[3] ^= 1
    with pytest.raises(BackendError, match=r"the chip says layout 0x\w{4}, not 0x\w{4}"):
        ChipDriver(chip, BANK, 0x2A).check_identity()
