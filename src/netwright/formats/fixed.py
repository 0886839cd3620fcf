"""Fixed-point registers."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.errors import NumericsError
from netwright.formats.integers import Int
from netwright.formats.rounding import AP_FIXED_ROUNDING, Overflow, Rounding


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed-point register: integer codes with a binary point, a rounding and an overflow mode.

    Attributes:
        bits: Width of the register.
        integer_bits: Bits left of the binary point, sign included; negative or above `bits` too.
        signed: Two's complement if true.
        rounding: What happens to bits right of the register when it is assigned.
        overflow: What happens to bits left of it.
        narrow: Saturate symmetrically (``AP_SAT_SYM``).
    """

    bits: int
    integer_bits: int
    signed: bool = True
    rounding: Rounding = Rounding.FLOOR
    overflow: Overflow = Overflow.WRAP
    narrow: bool = False

    @classmethod
    def of(
        cls,
        dtype: Int,
        exponent: int,
        *,
        rounding: Rounding = Rounding.FLOOR,
        overflow: Overflow = Overflow.WRAP,
    ) -> Fixed:
        """The register that holds the codes of `dtype` with scale ``2**exponent``."""
        return cls(
            dtype.bits, dtype.bits + exponent, dtype.signed, rounding, overflow, dtype.narrow
        )

    @property
    def ap_fixed(self) -> str:
        """The name of this register in Vitis HLS.

        Raises:
            NumericsError: ``ap_fixed`` has no such rounding mode.
        """
        if self.rounding not in AP_FIXED_ROUNDING:
            raise NumericsError(
                f"rounding {self.rounding} has no ap_fixed name",
                hint="accepted: " + ", ".join(sorted(AP_FIXED_ROUNDING)),
            )
        sign = "" if self.signed else "u"
        if self.overflow is Overflow.WRAP:
            overflow = "WRAP"
        else:
            overflow = "SAT_SYM" if self.narrow and self.signed else "SAT"
        mode = AP_FIXED_ROUNDING[self.rounding]
        return f"{sign}fixed<{self.bits},{self.integer_bits},{mode},{overflow}>"
