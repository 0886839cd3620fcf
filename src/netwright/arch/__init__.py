"""Machines as data: memories, links, arrays and compute units, every figure with its source."""

from netwright.arch.architecture import Architecture
from netwright.arch.diagram import diagram
from netwright.arch.load import find, load, names
from netwright.arch.nodes import (
    DIRECTIONS,
    MAC,
    ROLES,
    Array,
    Compute,
    Constraint,
    Direction,
    Figure,
    Link,
    Memory,
    Node,
    Operator,
    Role,
)
from netwright.arch.settings import with_settings

__all__ = [
    "DIRECTIONS",
    "MAC",
    "ROLES",
    "Architecture",
    "Array",
    "Compute",
    "Constraint",
    "Direction",
    "Figure",
    "Link",
    "Memory",
    "Node",
    "Operator",
    "Role",
    "diagram",
    "find",
    "load",
    "names",
    "with_settings",
]
