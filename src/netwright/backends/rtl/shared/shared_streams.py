"""The streams of a stand-alone design, and when its rows come out."""

from __future__ import annotations

from netwright.backends.rtl.shared.descriptors import Image
from netwright.backends.rtl.shared.lowering import Stored
from netwright.backends.rtl.shared.plan import Plan
from netwright.backends.rtl.streams.network import Network, Stream, Terminal
from netwright.backends.rtl.streams.timing import ROWS, Schedule
from netwright.backends.rtl.unrolled.layers import top_name
from netwright.ir import Graph

START_CYCLES = 2
"""Clocks of a row beside taking, running and giving: the start, and the answer to the end."""


def network_of(plan: Plan, graph: Graph) -> Network:
    """The ports: every input and output one element a beat, in the order of the memory."""
    hosts = [node.output for node in graph.nodes if node.op == "Quantize"]
    ends = [name for name in dict.fromkeys(graph.outputs) if name not in graph.constants]
    inputs = [_terminal(name, "x", i, len(hosts), plan.views[name]) for i, name in enumerate(hosts)]
    outputs = [_terminal(name, "y", i, len(ends), plan.views[name]) for i, name in enumerate(ends)]
    streams = {terminal.stream.name: terminal.stream for terminal in (*inputs, *outputs)}
    return Network(top_name(graph), tuple(inputs), tuple(outputs), streams, ())


def _terminal(tensor: str, side: str, number: int, count: int, view: Stored) -> Terminal:
    name = f"{side}{number if count > 1 else ''}"
    stream = Stream(name, tensor, view.words, 1, view.interval)
    return Terminal(tensor, name, stream, view.order.reshape(-1, 1))


def loading_cycles(image: Image) -> int:
    """Clocks after a reset until the first element is taken."""
    return len(image) + 1


def taking_cycles(network: Network) -> int:
    """Clocks in which a row is taken."""
    return sum(terminal.stream.beats for terminal in network.inputs)


def giving_cycles(plan: Plan, network: Network) -> int:
    """Clocks in which a row is given: two for every word that is read, and the beat."""
    return sum(
        terminal.stream.beats * (2 * plan.views[terminal.tensor].pieces + 1)
        for terminal in network.outputs
    )


def schedule_of(plan: Plan, network: Network, image: Image) -> Schedule:
    """When the first rows are complete, without gaps and stalls."""
    row = taking_cycles(network) + START_CYCLES + plan.cycles + giving_cycles(plan, network)
    first = loading_cycles(image) - 1
    return Schedule(tuple(first + row * (number + 1) for number in range(ROWS)), {})
