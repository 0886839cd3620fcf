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
