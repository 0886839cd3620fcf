from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import units_of
from netwright.cost.accelerators import Cost
from netwright.cost.dataflows import Shape, Window, work
from netwright.mapping import check_nest
from tests.cost.dataflows.layers import dense

LAYER = Shape(1, 1, 8, 4, Window(6, 3, extent=8), Window(6, 3, extent=8), (8, 8, 8))


def test_units_share_the_memory_as_their_ports_say():
    pair = arch.find("unlike_pair")
    assert [(unit.name, unit.share) for unit in units_of(pair)] == [
        ("channels", 0.5),
        ("pixels", 0.5),
    ]
    tight = arch.with_settings(pair, ["dram.bandwidth=32GB/s", "pixels.bandwidth=64GB/s"])
    shares = [unit.share for unit in units_of(tight)]
    assert shares == [0.5, 0.5]  # no port is wider than the memory
    assert [unit.bandwidth for unit in units_of(tight)] == [16e9, 16e9]


def test_a_layer_takes_the_longer_of_computing_and_moving():
    (unit, _) = units_of(arch.with_settings(arch.find("unlike_pair"), ["channels.bandwidth=1GB/s"]))
    found = work(LAYER, arch.sized(unit.accelerator))
    cost = unit.of_shape(LAYER)
    assert found is not None
    assert cost is not None
    assert cost.seconds == pytest.approx(found.port_bits / 8 / 1e9)
    assert cost.seconds > found.cycles / 1e9
    assert cost.joules == pytest.approx(found.joules + found.port_bits / 8 * 162.5e-12)
    assert unit.of_moves(800, 80).seconds == pytest.approx(110 / 1e9)
    assert cost.plus(Cost(1.0, 2.0)).joules == pytest.approx(cost.joules + 2)


def test_units_without_template_are_searched():
    (unit,) = units_of(arch.find("shidiannao"))
    assert unit.name == "mac"
    own = dense(4, 6, 5)
    cost, nest = unit.of_operation(own)
    check_nest(own, unit.branch, nest)
    assert cost.seconds > 0


def test_changed_nodes_count():
    """A figure that is changed behind the template's back is not the template's."""
    pair = arch.find("unlike_pair")
    assert all(unit.accelerator is not None for unit in units_of(pair))
    changed = arch.with_settings(pair, ["channels_buffer.read_energy=50pJ"])
    first, second = units_of(changed)
    assert (first.name, first.accelerator) == ("channels_mac", None)
    assert second.accelerator is not None
    own = dense(4, 70, 5)
    assert first.of_operation(own)[0].joules > units_of(pair)[0].of_operation(own)[0].joules
    again = arch.with_settings(pair, ["channels.elements=128"])
    assert all(unit.accelerator is not None for unit in units_of(again))
