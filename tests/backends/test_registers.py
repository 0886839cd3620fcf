import pytest

from netwright.backends.registers import Field, Register, RegisterMap

MAP = RegisterMap(
    "box",
    (
        Register("state", 0x0, "State", size=1, fields=(Field("busy", 0), Field("level", 2, 3))),
        Register("level", 0x4, "The level.", "rw"),
    ),
    base=0x100,
)


def test_one_description_makes_table_and_header() -> None:
    assert list(MAP.table())[2:] == [
        "| 0x0100 | 1 | r | state | State: bit 0 busy, bits 2 to 4 level. |",
        "| 0x0104 | 4 | rw | level | The level. |",
    ]
    assert list(MAP.address_defines("BOX")) == [
        "#define BOX_STATE 0x0100u",
        "#define BOX_LEVEL 0x0104u",
    ]
    assert list(MAP.bit_defines("BOX")) == [
        "#define BOX_STATE_BUSY 0x01u",
        "#define BOX_STATE_LEVEL 0x1cu",
        "#define BOX_STATE_LEVEL_LOW 2",
    ]
    assert (MAP.size, MAP.address("level"), MAP["level"].access) == (8, 0x104, "rw")


def test_bits_with_meanings_get_a_table_of_their_own() -> None:
    bits = (Field("late", 0, meaning="too late"),)
    told = RegisterMap("box", (Register("faults", 0, "Faults", fields=bits, bits_named="fault"),))
    assert list(told.bit_tables()) == ["", "| fault | meaning |", "| --- | --- |",
                                       "| bit 0, late | too late |"]  # fmt: skip
    assert list(MAP.bit_tables()) == []


@pytest.mark.parametrize(
    "registers",
    [
        (Register("a", 0, "A."), Register("b", 2, "B.")),
        (Register("a", 0, "A", fields=(Field("x", 0, 2), Field("y", 1))),),
        (Register("a", 0, "A", size=1, fields=(Field("x", 8),)),),
    ],
)
def test_overlaps_are_refused(registers: tuple[Register, ...]) -> None:
    with pytest.raises(AssertionError):
        RegisterMap("box", registers)
