"""Machines as data: memories, links, arrays and compute units, every figure with its source."""

from netwright.arch.architecture import Architecture
from netwright.arch.load import find, load, names
from netwright.arch.nodes import Array, Compute, Figure, Link, Memory, Node

__all__ = [
    "Architecture",
    "Array",
    "Compute",
    "Figure",
    "Link",
    "Memory",
    "Node",
    "find",
    "load",
    "names",
]
