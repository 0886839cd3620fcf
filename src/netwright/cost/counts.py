"""What happens on a machine, as exact integers: the one language of all engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netwright.arch import Role

ActionKind = Literal["read", "write", "cross", "compute"]
"""``read`` and ``write``: bits of a memory. ``cross``: bits on a link. ``compute``: operations."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that one kind of component does, over all its copies.

    Attributes:
        component: Name of the node.
        kind: What it does.
        amount: Bits, or operations.
        role: Which tensor is moved; empty for operations.
        copies: Copies of the component that take part.
        waits: Whether computation stands still meanwhile.
    """

    component: str
    kind: ActionKind
    amount: int
    role: Role | Literal[""] = ""
    copies: int = 1
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that happens while one operation runs.

    Attributes:
        name: Name of the operation.
        engine: What counted.
        steps: Time steps of the compute units, one operation of each busy unit a step.
        num_operations: Operations of all units together.
        actions: Everything else.
        assumptions: What the engine takes for granted.
    """

    name: str
    engine: str
    steps: int
    num_operations: int
    actions: tuple[Action, ...]
    assumptions: tuple[str, ...] = ()

    def amount(self, component: str, kind: ActionKind, role: Role | None = None) -> int:
        """Bits or operations of a component, of one tensor or of all."""
        return sum(
            action.amount
            for action in self.actions
            if action.component == component
            and action.kind == kind
            and (role is None or action.role == role)
        )
