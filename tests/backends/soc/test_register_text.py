from netwright.backends.registers import Field, Register, RegisterMap
from netwright.backends.soc.register_text import decoder, module_name, signals

MAP = RegisterMap(
    "box",
    (
        Register("identity", 0x0, "Always 7.", constant=7),
        Register("state", 0x4, "State", fields=(Field("busy", 0), Field("level", 4, 3))),
        Register("limit", 0x8, "Limit.", "rw"),
        Register("start", 0xC, "Starts.", "w"),
        Register("faults", 0x10, "Faults", "w1c", fields=(Field("late", 0),)),
    ),
)


def test_ports_follow_the_access() -> None:
    assert list(signals(MAP)) == [
        ("input  wire", "state_busy", 1),
        ("input  wire", "state_level", 3),
        ("output reg ", "limit_value", 32),
        ("output wire", "start_write", 1),
        ("input  wire", "faults_late_set", 1),
        ("output reg ", "faults_late", 1),
    ]


def test_fields_lie_at_their_places_in_the_word() -> None:
    text = decoder(MAP)
    assert text.startswith("// Registers.\nmodule soc_box_registers (\n")
    assert module_name(MAP) == "soc_box_registers"
    assert "found = {25'd0, state_level, 3'd0, state_busy};" in text
    assert "found = 32'h00000007;" in text
    assert "wire can_read = is_identity | is_state | is_limit | is_faults;" in text
    assert "wire can_write = whole & (is_limit | is_start | is_faults);" in text
