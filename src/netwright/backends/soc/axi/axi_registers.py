"""The registers of a network behind AXI4-Lite."""

from __future__ import annotations

from netwright.backends.registers import Field, Register, RegisterMap

IDENTITY = 0x4E57_4158
"""What the first register says: ``NWAX`` as a number."""

AXI_REGISTERS = RegisterMap(
    "axi",
    (
        Register("identity", 0x00, "Always 0x4e574158.", constant=IDENTITY),
        Register("restart", 0x04, "Any write resets the network; what is under way is lost.", "w"),
        Register("rows_in", 0x08, "Rows that were taken whole since the restart."),
        Register("rows_out", 0x0C, "Rows that were given whole since the restart."),
        Register("faults", 0x10, "Faults until cleared", "w1c", fields=(
            Field("last", 0, meaning="TLAST came with another beat than the last of a row"),
        )),
    ),
    meaning="What the network is, how far it is, and what went wrong on its streams.",
)  # fmt: skip
"""All of them, by offset."""
