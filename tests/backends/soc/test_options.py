from typing import Any

import pytest

from netwright.backends.rtl.options import RtlOptions
from netwright.backends.soc import SocOptions
from netwright.errors import ConfigError


def test_every_fault_is_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        SocOptions(core="z80", clock_mhz=0.0, rom_bytes=10, spi_lanes=3, clocks_per_bit=1)
    assert caught.value.message.split("; ") == [
        'core must be "picorv32" or "picorv32-small", not \'z80\'',
        "clock_mhz must be from 1 to 100000 megahertz, not 0.0",
        "rom_bytes must be a multiple of 4 from 1024 to 4194304, not 10",
        "spi_lanes must be 1, 2 or 4, not 3",
        "clocks_per_bit must be from 2 to 65536, not 1",
    ]


def test_weights_that_nobody_loads_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'network\.weights must be "fixed", not "loadable"'):
        SocOptions(network=RtlOptions(weights="loadable"))


def test_the_network_has_part_and_clock_of_the_chip() -> None:
    options = SocOptions(part="xcup", clock_mhz=80.0, network=RtlOptions(reuse_factor=4))
    assert options.network == RtlOptions(part="xcup", clock_mhz=80.0, reuse_factor=4)


def test_a_table_of_the_network_is_for_the_part_of_the_chip() -> None:
    table: Any = {"shared": {"dsp": True}}
    assert SocOptions(part="ecp5-85k-dsp", network=table).network.part == "ecp5-85k-dsp"
    with pytest.raises(ConfigError, match=r'needs a part .* not "ecp5-85k"'):
        SocOptions(network=table)
    with pytest.raises(ConfigError, match=r"^part must be"):
        SocOptions(part="z80", network={"reuse_factor": 2})  # type: ignore[arg-type]


def test_another_part_or_clock_of_the_network_is_not_dropped() -> None:
    network = RtlOptions(part="xcup", clock_mhz=80.0, reuse_factor=1)
    with pytest.raises(ConfigError) as caught:
        SocOptions(network=network)
    assert caught.value.message.split("; ") == [
        "network.part must be left out, or 'ecp5-85k' as the chip's, not 'xcup'",
        "network.clock_mhz must be left out, or 50.0 as the chip's, not 80.0",
    ]
    assert SocOptions(part="xcup", clock_mhz=80.0, network=network).network == network
