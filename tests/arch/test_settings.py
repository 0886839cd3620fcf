from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch import with_settings
from netwright.errors import ConfigError
from tests.cost.small import figure


def test_settings_are_changed_in_order():
    machine = with_settings(arch.find("tpu"), [
        "dram.bandwidth=16 GB/s", "dram.bandwidth = 32GB/s", "elements.fanout=8x4",
        "sram.keeps=input", "sums.double_buffered=true", 'elements.ranks=[["M"], ["reduced"]]',
        "mac.accumulator_bits=24", "sram.leakage=3mW",
    ])  # fmt: skip
    nodes = {node.name: node for node in machine.nodes}
    assert nodes["dram"].bandwidth == arch.Figure(
        value=32e9, unit="B/s", source="chosen by the caller", fidelity="assumed"
    )
    assert nodes["elements"].fanout == (8, 4)
    assert nodes["elements"].ranks == (("M",), ("reduced",))
    assert nodes["sram"].keeps == ("input",)
    assert nodes["sums"].double_buffered
    assert nodes["mac"].accumulator_bits == 24
    assert machine.leakage_w == {"sram": 3e-3}


def test_operators_are_reached_by_their_name():
    unit = {"operators": {"exp": arch.Operator(cycles=2), "max": arch.Operator()}}
    machine = arch.find("tpu").with_changes("mac", unit)
    changed = with_settings(machine, ["mac.operators.exp.cycles=6", "mac.operators.exp.energy=2pJ"])
    mac = changed.units[0]
    assert mac.cycles_of("exp") == 6
    assert mac.energy_of("exp").value == figure(2e-12).value
    assert mac.cycles_of("max") == 1
    with pytest.raises(ConfigError, match='"mac" does not do log; it does exp, max'):
        with_settings(machine, ["mac.operators.log.cycles=6"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("dram=3", 'a setting must read node.setting=value, not "dram=3"'),
        ("dram.bandwidth", "a setting must read node.setting=value"),
        ("drm.bandwidth=1GB/s", 'there is no node "drm"; did you mean "dram"?'),
        ("dram.speed=1GB/s", 'dram.speed: a memory has no setting "speed", but parent, capacity'),
        ("dram.name=x", 'a memory has no setting "name"'),
        ("dram.bandwidth=fast", 'must be a number with a unit, not "fast"'),
        ("dram.bandwidth=32", "bandwidth: the unit must be"),
        ("dram.bandwidth=0GB/s", "bandwidth: must be above 0"),
        ("dram.bandwidth=-1GB/s", "must be 0 or more, not -1GB/s"),
        ("sram.capacity=3GHz", 'the unit must be "B" or "bit"'),
        ("elements.fanout=0,2", "should be greater than or equal to 1"),
        ("elements.fanout=two", "should be a valid integer"),
        ("elements.fanout=2", "must name the ranks of each of the 1 axes, not of 2"),
        ("sram.keeps=bias", "should be 'input', 'weight' or 'output'"),
        ("sram.double_buffered=maybe", "should be a valid boolean"),
        ("mac.parent=nothing", 'there is no parent "nothing"'),
    ],
)
def test_settings_are_checked(assignment, message):
    with pytest.raises(ConfigError) as caught:
        with_settings(arch.find("tpu"), [assignment])
    assert message in caught.value.message


def test_faults_of_banks_name_no_file_and_what_can_be_set():
    machine = arch.find("gddr6-aim")
    with pytest.raises(ConfigError) as caught:
        with_settings(machine, ["channel_buffer.capacity=16B"])
    assert caught.value.message == (
        'memory "channel_buffer": its capacity of 16 B holds no column of 32 B'
    )
    with pytest.raises(ConfigError, match=r"leakage, dram\.channels\n"):
        with_settings(machine, ["banks.dram.rows=3"])
