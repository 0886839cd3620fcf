"""Words of cascades in text, with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_CHARACTERS = 1 << 20
MAX_WORD = 200
MAX_WORDS = 1 << 18
MAX_FAULTS = 100
"""After this many faults, reading ends."""

Kind = Literal["name", "number", "sign", "end"]

_WORD = re.compile(
    r"(?P<space>[ \t\r]+)|(?P<comment>#[^\n]*)|(?P<newline>\n)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<sign>[-+*/=:,\[\]()])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word.

    Attributes:
        kind: ``end`` ends a statement.
        text: As it is written.
        line: From 1.
        column: From 1.
    """

    kind: Kind
    text: str
    line: int
    column: int

    def __str__(self) -> str:
        return "the end of the line" if self.kind == "end" else f'"{self.text}"'


class Fault(Exception):
    """What is wrong at a place of the text; collected, never seen by users.

    Args:
        token: Where.
        message: What is wrong.
        hint: What is accepted.
    """

    def __init__(self, token: Token, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.token, self.message, self.hint = token, message, hint

    def __str__(self) -> str:
        place = f"line {self.token.line}, column {self.token.column}: {self.message}"
        return f"{place}; {self.hint}" if self.hint else place


def statements(text: str) -> tuple[list[list[Token]], list[Fault]]:
    """Words by statement, each ended by an ``end``; a line break in brackets ends none."""
    found: list[list[Token]] = [[]]
    faults: list[Fault] = []
    line, start, place, depth, words = 1, 0, 0, 0, 0
    while place < len(text) and len(faults) < MAX_FAULTS:
        match = _WORD.match(text, place)
        column = place - start + 1
        if match is None:
            shown = ascii(text[place])
            token = Token("sign", text[place], line, column)
            faults.append(Fault(token, f"{shown} has no meaning", "names are letters, digits, _"))
            after = text.find("\n", place)
            place = len(text) if after < 0 else after
            found[-1], depth = [], 0
            continue
        kind, word = match.lastgroup, match.group()
        if kind == "newline":
            if depth <= 0 and found[-1]:
                found[-1].append(Token("end", "", line, column))
                found.append([])
            line, start, depth = line + 1, match.end(), max(depth, 0)
        elif kind in ("name", "number", "sign"):
            found[-1].append(_token(kind, word, line, column, faults))
            words += 1
            if words > MAX_WORDS:
                faults.append(Fault(found[-1][-1], f"more than {MAX_WORDS} words"))
                return [], faults
            depth += (word in "[(") - (word in ")]") if kind == "sign" else 0
        place = match.end()
    if found[-1]:
        found[-1].append(Token("end", "", line, place - start + 1))
    return [own for own in found if own], faults


def _token(kind: str, word: str, line: int, column: int, faults: list[Fault]) -> Token:
    made: Kind = "name" if kind == "name" else "number" if kind == "number" else "sign"
    token = Token(made, word, line, column)
    if len(word) > MAX_WORD:
        shown = Token(made, f"{word[:20]}...", line, column)
        faults.append(Fault(shown, f"{shown} has {len(word)} characters, not at most {MAX_WORD}"))
    return token
