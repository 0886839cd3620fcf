"""The grammar of cascades in text, by recursive descent; nothing is evaluated.

::

    statement  = "cascade" NAME | "bits" NUMBER
               | "rank" NAME "=" NUMBER {"," NAME "=" NUMBER}
               | ("input" | "weight") declared {"," declared}
               | "initial" NAME "=" value | "output" NAME {"," NAME}
               | [NAME ":"] access "=" expression
    declared   = NAME "[" axis {"," axis} "]"
    axis       = (NAME | NUMBER) {"*" (NAME | NUMBER)}
    expression = reduction "(" {NAME} ":" mapped ")" | mapped
    reduction  = "add" | "max" | "min"
    mapped     = function "(" mapped ")" | "-" access
               | ("max" | "min") "(" operand {"," operand} ")"
               | operand {sign operand}                      one sign: * + - /
    operand    = access | value | "size" "(" NAME ")"     the extent of a rank
    access     = NAME ["[" index {"," index} "]"]        a name alone is one number
    index      = term {("+" | "-") term} | "last"
    term       = NUMBER ["*" NAME] | NAME ["*" NUMBER]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

from netwright.ir.einsums.einsum import MapOp, ReduceOp
from netwright.ir.einsums.functions import FUNCTIONS, UnaryOp
from netwright.workload.cascade.tokens import Fault, Token

KEYWORDS = ("cascade", "bits", "rank", "input", "weight", "initial", "output")
REDUCTIONS: tuple[ReduceOp, ...] = ("add", "max", "min")
SIGNS: dict[str, MapOp] = {"*": "multiply", "+": "add", "-": "subtract", "/": "divide"}
MAX_DEPTH = 20
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Index:
    """One index: ranks with coefficients and a number; or the last index of the axis."""

    token: Token
    terms: tuple[tuple[Token, int], ...]
    offset: int = 0
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """An access as it is written."""

    name: Token
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """A tensor that nobody here makes; factors of each axis."""

    name: Token
    axes: tuple[tuple[Token, ...], ...]
    kind: Literal["input", "weight"]


@dataclass(frozen=True, slots=True)
class Defined:
    """One Einsum as it is written; a constant may be the extent of a rank."""

    label: Token
    output: Read
    operands: tuple[Read, ...]
    constants: tuple[float | Token, ...]
    map_op: MapOp
    unary: tuple[UnaryOp, ...]
    reduce_op: ReduceOp
    reduced: tuple[Token, ...]


Mapped = tuple[list[Read], list[float | Token], MapOp, list[UnaryOp]]
"""Operands, the operator between them, and the functions around it, innermost first."""


@dataclass(slots=True)
class Text:
    """All statements."""

    name: str = ""
    bits: tuple[Token, int] | None = None
    ranks: list[tuple[Token, int]] = field(default_factory=list)
    declared: list[Declared] = field(default_factory=list)
    initial: list[tuple[Token, float]] = field(default_factory=list)
    outputs: list[Token] = field(default_factory=list)
    defined: list[Defined] = field(default_factory=list)


def read_statement(words: list[Token], text: Text) -> None:
    """Add one statement to a text.

    Raises:
        Fault: It is not written by the grammar.
    """
    _Statement(words).read(text)


class _Statement:
    """Words of one statement and the place among them."""

    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.place = 0

    @property
    def next(self) -> Token:
        return self.words[self.place]

    def take(self) -> Token:
        token = self.next
        if token.kind != "end":
            self.place += 1
        return token

    def accept(self, text: str) -> bool:
        if self.next.kind != "end" and self.next.text == text:
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        token = self.next
        if not self.accept(text):
            raise Fault(token, f'here must be "{text}", not {token}')
        return token

    def name(self, what: str) -> Token:
        token = self.take()
        if token.kind != "name":
            raise Fault(token, f"here must be {what}, not {token}")
        return token

    def whole(self, what: str) -> tuple[Token, int]:
        token = self.take()
        if token.kind != "number" or not token.text.isdigit():
            raise Fault(token, f"{what} must be a whole number, not {token}")
        if len(token.text) > MAX_DIGITS:
            raise Fault(token, f"{what} must have at most {MAX_DIGITS} digits")
        return token, int(token.text)

    def value(self) -> float:
        sign = -1.0 if self.accept("-") else 1.0
        token = self.take()
        if token.text == "inf" or (token.kind == "number" and isfinite(float(token.text))):
            return sign * float(token.text)
        if token.kind == "number":
            raise Fault(token, f"{token} is larger than any number of 64 bits", "write inf")
        raise Fault(token, f"here must be a number or inf, not {token}")

    def read(self, text: Text) -> None:
        first = self.next
        if first.text in KEYWORDS and self.words[1].text not in ("[", ":", "="):
            self.take()
            getattr(self, f"_{first.text}")(text)
        else:
            text.defined.append(self._defined())
        if self.next.kind != "end":
            raise Fault(self.next, f"the statement ends before {self.next}", _one_sign(self.next))

    def _cascade(self, text: Text) -> None:
        if text.name:
            raise Fault(self.next, f'the cascade has a name, "{text.name}"')
        text.name = self.name("the name of the cascade").text

    def _bits(self, text: Text) -> None:
        if text.bits is not None:
            raise Fault(self.next, f"the width of elements is given, {text.bits[1]}")
        text.bits = self.whole("the width of elements")

    def _rank(self, text: Text) -> None:
        while True:
            token = self.name("the name of a rank")
            self.expect("=")
            text.ranks.append((token, self.whole(f'the extent of "{token.text}"')[1]))
            if not self.accept(","):
                return

    def _input(self, text: Text) -> None:
        self._declare(text, "input")

    def _weight(self, text: Text) -> None:
        self._declare(text, "weight")

    def _declare(self, text: Text, kind: Literal["input", "weight"]) -> None:
        while True:
            token = self.name("the name of a tensor")
            self.expect("[")
            axes = [self._axis()]
            while self.accept(","):
                axes.append(self._axis())
            self.expect("]")
            text.declared.append(Declared(token, tuple(axes), kind))
            if not self.accept(","):
                return

    def _axis(self) -> tuple[Token, ...]:
        factors = [self._factor()]
        while self.accept("*"):
            factors.append(self._factor())
        return tuple(factors)

    def _factor(self) -> Token:
        if self.next.kind == "number":
            return self.whole("an extent")[0]
        return self.name("a rank or an extent")

    def _initial(self, text: Text) -> None:
        token = self.name("the name of a tensor")
        self.expect("=")
        text.initial.append((token, self.value()))

    def _output(self, text: Text) -> None:
        text.outputs.append(self.name("the name of a tensor"))
        while self.accept(","):
            text.outputs.append(self.name("the name of a tensor"))

    def _defined(self) -> Defined:
        label = self.next
        if label.kind == "name" and self.words[self.place + 1].text == ":":
            self.take()
            self.take()
        output = self._access("the name of the tensor that is made")
        self.expect("=")
        reduce_op: ReduceOp = "none"
        reduced: list[Token] = []
        if self._is_reduction():
            reduce_op = self._reduction()
            self.expect("(")
            while self.next.text != ":":
                reduced.append(self.name("the name of a rank"))
            self.expect(":")
        operands, constants, map_op, unary = self._mapped(0)
        if reduce_op != "none":
            self.expect(")")
        return Defined(
            label if label.kind == "name" else output.name, output, tuple(operands),
            tuple(constants), map_op, tuple(unary), reduce_op, tuple(reduced),
        )  # fmt: skip

    def _is_reduction(self) -> bool:
        """Whether a name, a bracket and names up to a colon follow."""
        place = self.place + 2
        if place >= len(self.words) or self.next.kind != "name":
            return False
        if self.words[place - 1].text != "(":
            return False
        while self.words[place].kind == "name":
            place += 1
        return self.words[place].text == ":"

    def _reduction(self) -> ReduceOp:
        token = self.take()
        for known in REDUCTIONS:
            if token.text == known:
                return known
        raise Fault(
            token,
            f'"{token.text}" reduces no ranks: it must be associative',
            f"accepted are {', '.join(REDUCTIONS)}",
        )

    def _mapped(self, depth: int) -> Mapped:
        token = self.next
        if depth > MAX_DEPTH:
            raise Fault(token, f"more than {MAX_DEPTH} functions in each other")
        after = self.words[min(self.place + 1, len(self.words) - 1)]
        is_call = token.kind == "name" and after.text == "(" and token.text != "size"
        if is_call and token.text == "add":
            raise Fault(token, "ranks that are added stand before a colon", "as in: add(m: X[m])")
        if is_call and token.text in ("max", "min"):
            self.take()
            map_op: MapOp = "max" if token.text == "max" else "min"
            return self._listed(map_op)
        if is_call:
            self.take()
            function = _function(token)
            self.expect("(")
            operands, constants, map_op, unary = self._mapped(depth + 1)
            self.expect(")")
            return operands, constants, map_op, [*unary, function]
        if token.text == "-" and after.kind == "name" and after.text != "inf":
            self.take()
            return [self._access("a tensor")], [], "copy", ["negate"]
        return self._signed()

    def _listed(self, map_op: MapOp) -> Mapped:
        self.expect("(")
        items = [self._operand()]
        while self.accept(","):
            items.append(self._operand())
        self.expect(")")
        reads = [item for item in items if isinstance(item, Read)]
        return reads, [item for item in items if not isinstance(item, Read)], map_op, []

    def _signed(self) -> Mapped:
        first = self.next
        items = [self._operand()]
        sign = self.next
        map_op: MapOp = "copy"
        if sign.kind == "sign" and sign.text in SIGNS:
            map_op = SIGNS[sign.text]
            while self.accept(sign.text):
                items.append(self._operand())
        reads = [item for item in items if isinstance(item, Read)]
        constants = [item for item in items if not isinstance(item, Read)]
        unary: list[UnaryOp] = []
        if not reads:
            raise Fault(first, "an Einsum must read a tensor")
        if not isinstance(items[0], Read) and map_op in ("subtract", "divide"):
            if len(items) > 2 or (map_op == "divide" and items[0] == 0):
                raise Fault(first, f"a number before {sign} must be followed by one tensor only")
            unary = ["negate" if map_op == "subtract" else "reciprocal"]  # c - x = -(x - c)
        return reads, constants, map_op, unary

    def _operand(self) -> Read | float | Token:
        token = self.next
        after = self.words[min(self.place + 1, len(self.words) - 1)]
        if token.text == "size" and after.text == "(":
            self.take()
            self.take()
            rank = self.name("the name of a rank")
            self.expect(")")
            return rank
        if token.kind == "number" or token.text == "-" or (
            token.text == "inf" and after.text != "["
        ):  # fmt: skip
            return self.value()
        if after.text == "(":
            raise Fault(
                token, f"{token} is not possible inside an operator",
                "give it a tensor of its own: an Einsum has one operator, then functions around it",
            )  # fmt: skip
        return self._access("a tensor or a number")

    def _access(self, what: str) -> Read:
        token = self.name(what)
        if token.text in KEYWORDS:
            raise Fault(token, f"{token} is a word of the language and names no tensor")
        if not self.accept("["):
            return Read(token, (Index(token, ()),))
        index = [self._index()]
        while self.accept(","):
            index.append(self._index())
        self.expect("]")
        return Read(token, tuple(index))

    def _index(self) -> Index:
        first = self.next
        if self.accept("last"):
            return Index(first, (), is_last=True)
        terms: list[tuple[Token, int]] = []
        offset, sign = 0, -1 if self.accept("-") else 1
        while True:
            rank, step = self._term()
            if rank is None:
                offset += sign * step
            else:
                terms.append((rank, sign * step))
            if not (self.next.text in ("+", "-") and self.next.kind == "sign"):
                return Index(first, tuple(terms), offset)
            sign = 1 if self.take().text == "+" else -1

    def _term(self) -> tuple[Token | None, int]:
        if self.next.kind == "number":
            step = self.whole("an index")[1]
            return (self.name("a rank"), step) if self.accept("*") else (None, step)
        rank = self.name("a rank or a number")
        return (rank, self.whole("a coefficient")[1]) if self.accept("*") else (rank, 1)


def _function(token: Token) -> UnaryOp:
    for known in get_args(UnaryOp):
        if token.text == known and known in FUNCTIONS:
            return known
    raise Fault(
        token,
        f'no function is called "{token.text}"',
        f"accepted are {', '.join(FUNCTIONS)}",
    )


def _one_sign(token: Token) -> str:
    if token.text in SIGNS:
        return "an Einsum has one operator: give what is before it a tensor of its own"
    return ""
