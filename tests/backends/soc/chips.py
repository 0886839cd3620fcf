"""Chips for the tests, and what they need."""

import pytest

from netwright.backends.rtl.options import RtlOptions
from netwright.backends.soc import SocBackend, soc
from tests.backends.rtl.graphs import needs_verilator

needs_compiler = pytest.mark.tool("riscv64-unknown-elf-gcc", "riscv64-unknown-elf-objcopy")


def needs_chip(test):  # type: ignore[no-untyped-def]
    """What starts a simulation of a whole chip."""
    return pytest.mark.tool("g++")(needs_verilator(needs_compiler(test)))


def unrolled(**options: object) -> SocBackend:
    """A chip whose network takes a row in one clock."""
    return soc(network=RtlOptions(), **options)  # type: ignore[arg-type]
