from __future__ import annotations

from netwright import arch
from netwright.quantities import Quantity


def test_every_figure_of_the_library_has_a_source():
    for name in arch.names():
        for node in arch.find(name).nodes:
            for _, value in node:
                if isinstance(value, arch.Figure):
                    assert len(value.source) > 5


def test_figure_becomes_a_quantity():
    figure = arch.Figure(value=1.0, unit="J", source="table 1")
    assert figure.to_quantity() == Quantity(1.0, "J", "table 1", "published")


def test_unlimited_memory_has_no_capacity():
    assert arch.find("scratchpad").memory("dram").capacity_bytes is None
