"""Which registers are held three times: a policy as a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from netwright.backends.rtl.radiation.elaboration import OTHER, ROLES, Elaboration
from netwright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Protection:
    """A choice of bits: those that any of the three fields names.

    Attributes:
        roles: Roles whose registers are chosen: ``"configuration"``, ``"state"``, ``"pointer"``,
            ``"pipeline"``, or ``"other"`` for registers that have none.
        names: Patterns of names of bits, ``*`` for any text and ``?`` for one character:
            ``"u_bank.weights*"``.
        bits: Names of single bits: ``"u_bank.weights[3][0]"``.

    Raises:
        ConfigError: There is no such role.
    """

    roles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    bits: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = [role for role in self.roles if role not in (*ROLES, OTHER)]
        if unknown:
            raise ConfigError(
                f'roles must be of {", ".join((*ROLES, OTHER))}, not "{unknown[0]}"', path="roles"
            )
        object.__setattr__(self, "bits", frozenset(self.bits))

    def chosen(self, elaboration: Elaboration) -> frozenset[str]:
        """The names of the chosen bits.

        Raises:
            ConfigError: A role, a pattern or a bit chooses nothing in this design.
        """
        known = elaboration.bits
        found = set(self.bits)
        faults = [_missing(bit, known) for bit in sorted(self.bits) if bit not in known]
        for role in self.roles:
            here = {name for name, its in known.items() if its == role}
            faults += [] if here else [f'no register has the role "{role}"']
            found |= here
        for pattern in self.names:
            here = set(matching(pattern, known))
            faults += [] if here else [f'no bit of a register is called "{pattern}"']
            found |= here
        if faults:
            more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
            raise ConfigError(f"{elaboration.top}: {'; '.join(faults[:5])}{more}")
        return frozenset(found)


NOTHING = Protection()
"""No bit at all: the design as it is."""

CONTROL = Protection(roles=("configuration", "state", "pointer"))
"""All that a wrong bit of would stay wrong until it is written again."""


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern with ``*`` and ``?`` fits as a whole."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    fits = re.compile(text)
    return [name for name in names if fits.fullmatch(name)]


def _missing(bit: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(bit, known, n=1)
    return f'there is no bit "{bit}"' + (f'; did you mean "{near[0]}"?' if near else "")
