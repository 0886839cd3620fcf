"""Arithmetic that a file may hold: numbers, names, ``+ - * /``, ``min`` and ``max``.

Nothing is executed: the text is parsed, and whatever is none of these is refused.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

MOST_LETTERS = 500

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"min": min, "max": max}


@dataclass(frozen=True, slots=True)
class Rule:
    """An inequality between two expressions.

    Attributes:
        text: As it was written.
        names: What it speaks of, in the order of the text.
        greater: The side that must not be smaller.
        smaller: The other side.
    """

    text: str
    names: tuple[str, ...]
    greater: ast.expr
    smaller: ast.expr

    def margin(self, values: Mapping[str, float]) -> float:
        """By how much the rule is met; negative where it is not.

        Raises:
            KeyError: A name has no value.
            ZeroDivisionError: Something is divided by 0.
        """
        return _value(self.greater, values) - _value(self.smaller, values)


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression.

    Attributes:
        text: As it was written.
        names: What it speaks of, in the order of the text.
        tree: What was read.
    """

    text: str
    names: tuple[str, ...]
    tree: ast.expr

    def value(self, values: Mapping[str, float]) -> float:
        """What it comes to.

        Raises:
            KeyError: A name has no value.
            ZeroDivisionError: Something is divided by 0.
        """
        return _value(self.tree, values)


def parse_formula(text: str) -> Formula:
    """Read an expression such as ``"rows * columns"``.

    Raises:
        ValueError: It is no plain arithmetic; the message says what is accepted.
    """
    tree = _parsed(text, "must be plain arithmetic such as 'rows * columns'")
    return Formula(text, _names(tree), tree)


def parse_rule(text: str) -> Rule:
    """Read a rule such as ``"rows * columns <= 256"``.

    Raises:
        ValueError: It is no inequality of plain arithmetic; the message says what is accepted.
    """
    accepted = "must be an inequality of plain arithmetic such as 'rows * columns <= 256'"
    tree = _parsed(text, accepted)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise ValueError(f"{accepted}, not '{text}'")
    left, right = tree.left, tree.comparators[0]
    if isinstance(tree.ops[0], ast.LtE):
        greater, smaller = right, left
    elif isinstance(tree.ops[0], ast.GtE):
        greater, smaller = left, right
    else:
        raise ValueError(f"{accepted}, with <= or >=, not '{text}'")
    names = _names(left, right)
    if not names:
        raise ValueError(f"must speak of a parameter or a value, not '{text}'")
    return Rule(text, names, greater, smaller)


def _parsed(text: str, accepted: str) -> ast.expr:
    if len(text) > MOST_LETTERS:
        raise ValueError(f"{accepted}, of at most {MOST_LETTERS} letters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{accepted}, not '{text}'") from None


def _names(*trees: ast.expr) -> tuple[str, ...]:
    """All names; what is no arithmetic is refused."""
    names: dict[str, None] = {}
    for tree in trees:
        _collect(tree, names)
    return tuple(names)


def _collect(node: ast.expr, names: dict[str, None]) -> None:
    """Refuse what is no arithmetic, and note the names."""
    name = _name(node)
    if name is not None:
        names[name] = None
    elif isinstance(node, ast.Constant):
        if type(node.value) not in (int, float):
            raise ValueError(f"must hold numbers, not {node.value!r}")
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _collect(node.left, names)
        _collect(node.right, names)
        if isinstance(node.op, ast.Div) and _is_zero(node.right):
            raise ValueError(f"divides by 0: '{ast.unparse(node)}'")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _collect(node.operand, names)
    elif _called(node) is not None:
        assert isinstance(node, ast.Call)
        for argument in node.args:
            _collect(argument, names)
    else:
        raise ValueError(f"may hold + - * / min and max, not '{ast.unparse(node)}'")


def _is_zero(node: ast.expr) -> bool:
    """Whether an expression is 0 whatever the values are, as far as it names none."""
    try:
        return _value(node, {}) == 0
    except (KeyError, ArithmeticError):
        return False


def _name(node: ast.expr) -> str | None:
    """The name that a node spells: ``a``, ``a.b`` or ``a.b[0]``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _name(node.value)
        return None if before is None else f"{before}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        before = _name(node.value)
        if before is not None and type(node.slice.value) is int:
            return f"{before}[{node.slice.value}]"
    return None


def _called(node: ast.expr) -> Literal["min", "max"] | None:
    if not isinstance(node, ast.Call) or node.keywords or not node.args:
        return None
    if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return "min" if node.func.id == "min" else "max"
    return None


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    name = _name(node)
    if name is not None:
        return float(values[name])
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, values)
    called = _called(node)
    assert called is not None
    assert isinstance(node, ast.Call)
    arguments = [_value(argument, values) for argument in node.args]
    return min(arguments) if called == "min" else max(arguments)
