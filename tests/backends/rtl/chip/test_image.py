import json
import re
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.chip import WeightImage, read_weights, write_weights
from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.image import checksum
from netwright.errors import ConfigError, DataError
from netwright.ir import Interpreter
from tests.backends.rtl.chip.graphs import encoder

BANK = Bank.of(encoder(), (3, 5, 7, 9))
IMAGE = WeightImage.of(BANK, encoder(1), mode=2)


def test_the_checksum_is_the_known_one() -> None:
    assert checksum(b"123456789") == 0x29B1


@pytest.mark.parametrize("suffix", [".bin", ".json"])
def test_a_weight_file_gives_the_same_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    write_weights(path, IMAGE, BANK)
    assert read_weights(path, BANK) == IMAGE


def test_an_image_gives_its_graph_again() -> None:
    made = IMAGE.graph(BANK, encoder(0))
    for name, values in encoder(1).constants.items():
        assert np.array_equal(made.constants[name], values)
    assert not Interpreter.of(made).wrapped
    assert IMAGE.with_mode(BANK, 0) == WeightImage.of(BANK, encoder(1), mode=0)
    assert IMAGE.with_mode(BANK, int(np.int64(1))) == IMAGE.with_mode(BANK, np.int64(1))  # type: ignore[arg-type]
    for mode in (4, -1, 1.5, "3", None, True):
        with pytest.raises(DataError, match=f"the mode must be from 0 to 3, not {mode}"):
            IMAGE.with_mode(BANK, mode)  # type: ignore[arg-type]


def damaged(place: int, value: int) -> bytes:
    data = bytearray(IMAGE.data)
    data[place] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGE.data[:-1], "they have 69 bytes, not 70"),
        (IMAGE.data + b"\0", "they have 71 bytes, not 70"),
        (b"", "they have 0 bytes, not 70"),
        (damaged(0, 2), "their version is 2, not 1; their CRC is"),
        (damaged(2, 0xFF), r"their layout is 0xff\w\w, not 0x\w+ \(it is another network's\)"),
        (damaged(4, 1), "they say that they have 326 bytes, not 70"),
        (damaged(5, 9), "their mode is 9, not from 0 to 3"),
        (damaged(10, 0xC0), 'bits of "c0" are set that no register holds'),
        (damaged(12, IMAGE.data[12] ^ 1), r"their CRC is 0x\w{4}, not 0x\w{4}$"),
    ],
)
def test_damaged_bytes_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_weights(path, BANK)
    first, hint = str(caught.value).split("\n")
    assert first.startswith(f"{path}: these weights cannot be loaded: ")
    assert re.search(message, first)
    assert hint == (f"hint: the chip takes 70 bytes of version 1 and layout 0x{BANK.layout:04x}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crc": 1}, f"its CRC is 1, but that of its values is {IMAGE.crc}"),
        ({"version": 3}, "its version is 3, not 1"),
        ({"layout": 5, "size": 1}, "its layout is 5, not .*; its size is 1, not 70"),
        ({"mode": -1}, "the mode must be from 0 to 3, not -1"),
        ({"values": {}}, "weights are missing for c0, c1, c2, c3; unknown: none"),
        (
            {"format": "other"},
            r"weights.json: is not a weight file \(format must be 'netwright weights', not",
        ),
        ({"more": 1}, r"is not a weight file \(more is not known\)"),
        ({"values": {"c0": ["x"]}}, r'\(values.c0.0 must be an integer, not "x"\)'),
        ({"mode": None, "crc": 1.5}, r"\(mode must be an integer, not null; crc must be an"),
    ],
)
def test_damaged_text_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "weights.json"
    write_weights(path, IMAGE, BANK)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=message):
        read_weights(path, BANK)


def test_a_value_beyond_all_registers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    write_weights(path, IMAGE, BANK)
    record = json.loads(path.read_text())
    record["values"]["c0"][3] = 10**30
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r'"c0" holds .* at place 3; its registers hold -32 to 31'):
        read_weights(path, BANK)


def test_other_names_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'must end with .bin or .json, not ".txt"'):
        write_weights(tmp_path / "weights.txt", IMAGE, BANK)
    with pytest.raises(DataError, match="no such file"):
        read_weights(tmp_path / "weights.bin", BANK)
