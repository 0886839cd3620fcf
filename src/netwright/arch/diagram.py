"""Block diagrams as text."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.arch.architecture import Architecture
from netwright.arch.figure import Figure
from netwright.arch.nodes import ROLES, Array, Link, Memory, Node, Operator

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"),
             (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))  # fmt: skip

ASSUMED = "* assumed"


def scaled(value: float, unit: str) -> str:
    """A figure with three digits and an SI prefix.

    Example:
        >>> scaled(2.5e-12, "J/B"), scaled(1.6e9, "B/s"), scaled(0, "B")
        ('2.5 pJ/B', '1.6 GB/s', '0 B')
    """
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def describe(node: Node) -> str:
    """One line about a node, its name left out."""
    parts: list[str] = []
    if isinstance(node, Memory):
        size = node.capacity_bytes
        parts.append("unlimited" if size is None else _bytes(size))
        parts += _figure(node.bandwidth, "B/s")
        parts += [f"read {text}" for text in _figure(node.read_energy, "J/B")]
        parts += [f"write {text}" for text in _figure(node.write_energy, "J/B")]
        if node.keeps != ROLES:
            parts.append("keeps " + ", ".join(node.keeps))
        if size is not None and not node.double_buffered:
            parts.append("single buffer")
    elif isinstance(node, Array):
        sides = [
            f"{size} x {'/'.join(node.allowed(axis))}" if node.ranks else str(size)
            for axis, size in enumerate(node.fanout)
        ]
        parts.append(" by ".join(sides))
        if not node.multicasts:
            parts.append("no multicast")
        if not node.reduces:
            parts.append("no reduction")
    elif isinstance(node, Link):
        parts += _figure(node.bandwidth, "B/s") + _figure(node.energy, "J/B")
    else:
        parts += _figure(node.rate, "op/s") + _figure(node.energy, "J/op")
        if node.accumulator_bits is not None:
            parts.append(f"{node.accumulator_bits}-bit sums")
        parts += [_operator(name, operator) for name, operator in node.operators.items()]
        if node.exploits:
            parts.append(f"skips zeros of {', '.join(node.exploits)}")
    return ", ".join(parts)


def _operator(name: str, operator: Operator) -> str:
    told = [f"{operator.cycles} cycles"] if operator.cycles > 1 else []
    told += _figure(operator.energy, "J/op")
    return " ".join([name, *told])


def diagram(architecture: Architecture) -> str:
    """The tree of nodes, one a line; an array states how often everything below it exists."""
    head = architecture.title or architecture.name
    lines = [head, *_branch(architecture, architecture.root, "", "")]
    return "\n".join([*lines, ASSUMED] if any("*" in line for line in lines) else lines)


def _branch(architecture: Architecture, node: Node, first: str, rest: str) -> Iterator[str]:
    told = describe(node)
    yield f"{first}{node.kind} {node.name}{': ' if told else ''}{told}"
    below = architecture.children(node.name)
    for index, child in enumerate(below):
        last = index == len(below) - 1
        yield from _branch(
            architecture,
            child,
            rest + ("└─ " if last else "├─ "),
            rest + ("   " if last else "│  "),
        )


def _figure(figure: Figure | None, unit: str) -> list[str]:
    if figure is None:
        return []
    mark = "*" if figure.fidelity == "assumed" else ""
    return [scaled(figure.value, unit) + mark]


def _bytes(size: int) -> str:
    for shift, unit in ((20, "MiB"), (10, "KiB")):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.4g} {unit}"
    return f"{size} B"
