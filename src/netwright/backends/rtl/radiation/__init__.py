"""Radiation: registers held three times, upsets of single bits, and what both cost in cells."""

from netwright.backends.rtl.radiation.elaboration import ROLES, Elaboration, Register, elaborate
from netwright.backends.rtl.radiation.protection import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.triplication import Flop, Hardened, triplicate

__all__ = [
    "CONTROL",
    "NOTHING",
    "ROLES",
    "Elaboration",
    "Flop",
    "Hardened",
    "Protection",
    "Register",
    "elaborate",
    "triplicate",
]
