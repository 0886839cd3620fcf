"""What happens on a machine, as exact integers: the one language of all engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from netwright.arch import MAC

ActionKind = Literal["read", "write", "cross", "compute", "command"]
"""``read`` and ``write``: bits of a memory. ``cross``: bits on a link. ``compute``: operations.
``command``: commands of a memory with banks, or cycles of its channels with (``active``) and
without (``precharged``) open rows; they say bits and time themselves."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that one kind of component does, over all its copies.

    Attributes:
        component: Name of the node.
        kind: What it does.
        amount: Bits, operations or commands.
        tensor: Name of the tensor that is moved; empty for operations.
        copies: Copies of the component that take part.
        waits: Whether computation stands still meanwhile.
        phase: Number of the phase in which it happens; ``None`` if it goes on beside all phases.
        operator: What is computed, or the name of the command; empty for transfers.
    """

    component: str
    kind: ActionKind
    amount: int
    tensor: str = ""
    copies: int = 1
    waits: bool = False
    phase: int | None = 0
    operator: str = ""

    def of(self, amount: int) -> Action:
        """The same with another amount."""
        return Action(
            self.component, self.kind, amount, self.tensor, self.copies, self.waits, self.phase,
            self.operator,
        )  # fmt: skip

    @classmethod
    def compute(
        cls, component: str, amount: int, *, operator: str = MAC, copies: int = 1, phase: int = 0
    ) -> Action:
        """Operations of a compute unit."""
        return cls(component, "compute", amount, copies=copies, phase=phase, operator=operator)


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that happens while one operation, or a group of them, runs.

    Attributes:
        name: Name of the operation.
        engine: What counted.
        steps: For each phase, the cycles of the busiest copy of each compute unit that works in it,
            and of a memory whose commands were counted. Phases run one after the other; all that
            happens in one runs at the same time.
        actions: Everything else.
        assumptions: What the engine takes for granted.
    """

    name: str
    engine: str
    steps: tuple[Mapping[str, int], ...]
    actions: tuple[Action, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def num_steps(self) -> int:
        """Cycles of the busiest compute unit, over all phases."""
        return sum(max(phase.values(), default=0) for phase in self.steps)

    @property
    def num_operations(self) -> int:
        """Operations of all compute units together."""
        return sum(action.amount for action in self.actions if action.kind == "compute")

    def amount(self, component: str, kind: ActionKind, tensor: str | None = None) -> int:
        """Bits or operations of a component, of one tensor or of all."""
        return sum(
            action.amount
            for action in self.actions
            if action.component == component
            and action.kind == kind
            and (tensor is None or action.tensor == tensor)
        )
