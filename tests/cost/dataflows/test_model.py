from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import count, price
from netwright.cost.dataflows import Shape, Window, shape_of, template_nest, why_not, work
from netwright.mapping import is_operation, operation
from netwright.workload import resnet9
from tests.cost.dataflows.layers import machine


@pytest.mark.parametrize("name", arch.templates())
def test_work_is_what_the_engine_prices(name):
    """Every layer of a network: time and energy of both routes are equal."""
    branch, size = machine(name, 256, 1 << 16)
    workload = resnet9(image=(3, 16, 16), stem=8, filters=(16, 40), skips=(1, 0))
    for einsum in filter(is_operation, workload.einsums):
        own = operation(workload, einsum)
        found = work(shape_of(own)[0], size)
        nest = template_nest(own, size, "a", "dram")
        assert found is not None
        assert nest is not None
        priced = price(count(own, branch, nest), branch)
        outside = found.port_bits / 8 * 162.5e-12
        assert found.joules + outside == pytest.approx(priced.joules, rel=1e-9)
        seconds = max(found.cycles / 1e9, found.port_bits / 8 / size.bandwidth)
        assert seconds == pytest.approx(priced.seconds, rel=1e-9)


@pytest.mark.parametrize(("name", "some", "more"),
                         [("nvdla", 2048, 4096), ("shidiannao", 64, 100),
                          ("row_stationary", 1200, 1209)])  # fmt: skip
def test_machines_of_which_a_layer_uses_the_same_part_are_counted_once(name, some, more):
    window = Window(8, 3, padding=1, extent=8)
    layer = Shape(1, 1, 32, 16, window, window, (8, 8, 8))
    first = work(layer, arch.Sized(name, some, 16e9, 1 << 18))
    assert first is not None
    assert work(layer, arch.Sized(name, more, 8e9, 1 << 19)) is first
    assert work(layer, arch.Sized(name, some // 3, 16e9, 1 << 18)) != first
    assert work(layer, arch.Sized(name, some, 16e9, 1 << 10)) != first


def test_what_does_not_fit_says_why():
    _, size = machine("row_stationary", 24, 20)
    tall = Shape(1, 1, 1, 1, Window(1, 13, extent=13), Window(), (8, 8, 8))
    assert work(tall, size) is None
    assert why_not(tall, size) == "its filter has 13 rows and the array 12"
    big = Shape(1, 1, 1, 100, Window(), Window(), (8, 8, 8))
    assert why_not(big, size) == "its smallest tiles do not fit into a buffer of 20 B"
