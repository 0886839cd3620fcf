from netwright.backends.rtl.shared.descriptors import image
from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared.shared_streams import (
    giving_cycles,
    loading_cycles,
    network_of,
    schedule_of,
    taking_cycles,
)
from netwright.backends.rtl.shared_options import SharedOptions
from tests.backends.rtl.shared.graphs import tiny


def test_a_row_is_taken_computed_and_given() -> None:
    graph = tiny()
    plan = planned(graph, SharedOptions(4, 2, 2))
    network, words = network_of(plan, graph), image(plan)
    assert [terminal.name for terminal in (*network.inputs, *network.outputs)] == ["x", "y"]
    assert taking_cycles(network) == 2 * 9
    assert giving_cycles(plan, network) == 3 * (2 * 2 + 1)  # of 24 bits: two words each
    timing = schedule_of(plan, network, words)
    assert timing.interval_cycles == 18 + 2 + plan.cycles + 15
    assert timing.latency_cycles == loading_cycles(words) - 1 + timing.interval_cycles
