"""A generated accelerator with the image of one graph: simulated, counted, placed and routed."""

from __future__ import annotations

from dataclasses import dataclass, field

from netwright.backends.rtl.shared.plan import Plan
from netwright.backends.rtl.streams.stream_design import StreamDesign


@dataclass(frozen=True)
class SharedDesign(StreamDesign):
    """Verilog on disk of one accelerator that all layers of a graph use in turn.

    Attributes:
        plan: What the accelerator is built as and told.
    """

    plan: Plan = field(kw_only=True)

    @property
    def cycles(self) -> int:
        """Clocks of a run, from the start to the last result."""
        return self.plan.cycles
