"""What a pass is, and how a chain of them is run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from netwright.errors import NetwrightError
from netwright.ir import Graph

_LOG = logging.getLogger(__name__)


class Pass(Protocol):
    """A frozen dataclass that maps a graph to a graph; its fields are its options.

    The same object back means that nothing changed.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The changed graph, or `graph` itself."""


def run_passes(graph: Graph, passes: Sequence[Pass]) -> Graph:
    """Apply `passes` in order.

    Raises:
        NetwrightError: What a pass raised, of the same class; a note names the pass and the ones
            that ran before it.
    """
    done: list[str] = []
    for step in passes:
        name = type(step).__name__
        try:
            changed = step(graph)
        except NetwrightError as error:
            before = ", ".join(done) or "no other pass"
            error.add_note(f"raised by pass {name}, after {before}")
            raise
        _LOG.debug("%s %s %s", name, "left" if changed is graph else "changed", graph.name)
        done.append(name)
        graph = changed
    return graph
