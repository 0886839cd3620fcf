"""Machines as data: memories, links, arrays and compute units, every figure with its source."""

from netwright.arch.architecture import Architecture
from netwright.arch.channels import check_banks, with_channels
from netwright.arch.diagram import diagram
from netwright.arch.dram import Dram
from netwright.arch.figure import Figure
from netwright.arch.load import find, load, names
from netwright.arch.nodes import (
    DIRECTIONS,
    MAC,
    ROLES,
    Accelerator,
    Array,
    Compute,
    Constraint,
    Direction,
    Link,
    Memory,
    Node,
    Operator,
    Role,
)
from netwright.arch.protocol import LEVELS, Command, Level, Protocol, Rule, protocol, protocols
from netwright.arch.settings import with_settings
from netwright.arch.templates import (
    Dataflow,
    Sized,
    Template,
    sized,
    template,
    templates,
    with_accelerators,
)

__all__ = [
    "DIRECTIONS",
    "LEVELS",
    "MAC",
    "ROLES",
    "Accelerator",
    "Architecture",
    "Array",
    "Command",
    "Compute",
    "Constraint",
    "Dataflow",
    "Direction",
    "Dram",
    "Figure",
    "Level",
    "Link",
    "Memory",
    "Node",
    "Operator",
    "Protocol",
    "Role",
    "Rule",
    "Sized",
    "Template",
    "check_banks",
    "diagram",
    "find",
    "load",
    "names",
    "protocol",
    "protocols",
    "sized",
    "template",
    "templates",
    "with_accelerators",
    "with_channels",
    "with_settings",
]
