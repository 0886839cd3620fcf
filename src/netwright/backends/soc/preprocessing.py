"""Verilog of others without its macros: what is left only computes, so every tool may have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from netwright.errors import BackendError

_DIRECTIVE = re.compile(r"^\s*`(ifdef|ifndef|elsif|else|endif|define|undef)\b\s*(.*?)\s*$")
_DEFINITION = re.compile(r"(\w+)\b(?:\((\w+)\)|(?!\())\s*(.*)")
_USE = re.compile(r"`(\w+)")
_KEPT = ("timescale", "default_nettype")


def preprocessed(text: str, *, source: str) -> str:
    """A file with all conditions decided and all macros replaced; no macro is defined before.

    Macros have one line and at most one parameter, which is all that is needed here.

    Args:
        text: The Verilog.
        source: Name of the file, for messages.

    Raises:
        BackendError: A directive is used that this does not know.
    """
    return "\n".join(_Text(source).lines(text)) + "\n"


@dataclass
class _Text:
    """A file on its way."""

    source: str
    macros: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    open: list[tuple[bool, bool]] = field(default_factory=list)
    """For every condition around a line: whether it is met, and whether one before was."""

    def lines(self, text: str) -> Iterator[str]:
        for number, line in enumerate(text.splitlines(), 1):
            found = _DIRECTIVE.match(line.partition("//")[0])
            if found:
                self._direct(found[1], found[2], number)
            elif all(met for met, _ in self.open):
                yield self._replaced(line, number)

    def _direct(self, directive: str, rest: str, number: int) -> None:
        name = rest.split()[0] if rest else ""
        if directive in ("ifdef", "ifndef"):
            met = (name in self.macros) == (directive == "ifdef")
            self.open.append((met, met))
        elif directive in ("elsif", "else", "endif"):
            if not self.open:
                raise BackendError(f"{self.source}: line {number} ends a condition that none began")
            _, before = self.open.pop()
            if directive != "endif":
                met = not before and (directive == "else" or name in self.macros)
                self.open.append((met, before or met))
        elif all(met for met, _ in self.open):
            if directive == "undef":
                self.macros.pop(name, None)
                return
            found = _DEFINITION.match(rest)
            if found is None or rest.endswith("\\"):
                raise BackendError(f"{self.source}: line {number} defines what is not understood")
            self.macros[found[1]] = (found[2], found[3])

    def _replaced(self, line: str, number: int) -> str:
        code, mark, comment = line.partition("//")
        done = ""
        while found := _USE.search(code):
            done, code = done + code[: found.start()], code[found.end() :]
            name = found[1]
            if name in _KEPT:
                done += found[0]
                continue
            if name not in self.macros:
                raise BackendError(f'{self.source}: line {number} uses "`{name}", which is unknown')
            parameter, body = self.macros[name]
            if parameter is not None:
                argument, code = _argument(code, f"{self.source}: line {number}")
                literal = argument.replace("\\", r"\\")
                body = re.sub(rf"\b{parameter}\b", literal, body)
            done += body
        return done + code + mark + comment


def _argument(code: str, where: str) -> tuple[str, str]:
    """What stands in the parentheses that `code` begins with, and what follows."""
    depth = 0
    for place, character in enumerate(code):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return code[1:place], code[place + 1 :]
    raise BackendError(f"{where} has a macro whose parentheses do not end")
