from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch.load import LIBRARY, parse
from netwright.errors import ConfigError
from netwright.reading import read_toml


def tables(**changes):
    """The tables of the machine, with other settings of nodes or of its memory with banks."""
    found = read_toml(LIBRARY / "gddr6-aim.toml")
    for node in found["nodes"]:
        node |= changes.get(node["name"], {})
    found["nodes"][0]["dram"] |= changes.get("dram", {})
    return found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dram": {"unit": "bank_mac"}},
         'dram.unit names "bank_mac", which is no compute; did you mean "bank_macs"?'),
        ({"dram": {"unit": "pins"}}, 'dram.unit names "pins", which is no compute'),
        ({"dram": {"pins": "pin"}}, 'dram.pins names "pin", which is no link; did you mean'),
        ({"dram": {"buffer": "host"}}, 'dram.buffer names "host", which is no memory'),
        ({"dram": {"buffer": "host_sram"}},
         'dram.buffer names "host_sram", of which there are 1, and there are 8 channels'),
        ({"dram": {"channels": 7}}, '2048 copies of "bank_macs" are not equally many for 112'),
        ({"dram": {"protocol": "dram", "energies": {}}},
         "has a unit beside its banks, and no command does load, compute, unload"),
        ({"channel_buffer": {"capacity": {"value": 1, "unit": "B", "source": "a test"}}},
         'memory "channel_buffer": its capacity of 1 B holds no column of 32 B'),
    ],
)  # fmt: skip
def test_parts_that_are_not_there_are_named_at_load(changes, message):
    with pytest.raises(ConfigError) as caught:
        parse(tables(**changes), source="mine.toml")
    assert message in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_channels_bring_what_they_have():
    machine = arch.find("gddr6-aim")
    half = arch.with_channels(machine, 4)
    assert half.memories[0].dram.channels == half.copies("channel_buffer") == 4
    assert half.copies("bank_macs") == machine.copies("bank_macs") // 2
    assert half.copies("host") == machine.copies("host")
    values = {name: (half.figures[name].value, machine.figures[name].value)
              for name in ("banks.bandwidth", "pins.bandwidth")}  # fmt: skip
    assert all(ours == pytest.approx(whole / 2) for ours, whole in values.values())
    assert arch.with_channels(half, 8) == machine


def test_channels_are_a_setting():
    machine = arch.find("gddr6-aim")
    assert arch.with_settings(machine, ["banks.dram.channels=16"]) == arch.with_channels(
        machine, 16
    )
    for text in ("0", "-1", "many", "9" * 30):
        with pytest.raises(ConfigError, match="must be from 1 to 1024"):
            arch.with_settings(machine, [f"banks.dram.channels={text}"])
    with pytest.raises(ConfigError, match="of which there are 7, and there are 8"):
        arch.with_settings(machine, ["channels.fanout=7"])


def test_channels_must_be_an_array():
    machine = arch.find("gddr6-aim").with_changes("channels", {"fanout": (4, 2), "ranks": ()})
    with pytest.raises(ConfigError) as caught:
        arch.with_channels(machine, 4)
    assert caught.value.message == 'the 8 channels of "banks" are no array of their own'
    with pytest.raises(ConfigError, match="has no unit beside its banks"):
        arch.with_channels(arch.find("ddr4-3200"), 4)
