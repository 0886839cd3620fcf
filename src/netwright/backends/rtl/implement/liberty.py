"""Cells of a mapped netlist: what they compute, and what a library says of their area and energy.

Of the Liberty format, as much is read as open libraries of standard cells use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import BackendError
from netwright.reading import read_text

Lanes = Any
"""Values of one net: an integer or an array of unsigned integers, a bit for each case."""

Function = Callable[[Mapping[str, Lanes]], Lanes]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a Liberty file.

    Attributes:
        kind: Its keyword.
        name: What stands in parentheses.
        values: Simple and complex attributes.
        groups: The groups inside.
    """

    kind: str
    name: str
    values: Mapping[str, str]
    groups: tuple[Group, ...]

    def of(self, kind: str) -> Iterator[Group]:
        """The groups of one kind inside this one."""
        return (group for group in self.groups if group.kind == kind)


@dataclass(frozen=True, slots=True)
class Table:
    """Energy of a transition at a middle slew, over the load.

    Attributes:
        loads: Loads in the library's unit; empty for a constant.
        energies: Energies in femtojoule.
    """

    loads: NDArray[np.float64]
    energies: NDArray[np.float64]

    def at(self, load: float) -> float:
        """The energy at a load, between the ones tabulated."""
        return float(np.interp(load, self.loads, self.energies))


@dataclass(frozen=True, slots=True)
class CellKind:
    """A kind of cell.

    Attributes:
        name: Its name.
        functions: What each output is, as an expression of the inputs; outputs of flip-flops are
            not among them.
        stored: Of a flip-flop: the pin ``d``, the pin of the clock, and its outputs.
        area: In the library's unit; 0 where there is no library.
        capacitance: Of every input, in femtofarad.
        energy: For every pin: the energy inside the cell of a rise and a fall of it.
        leakage_w: Power at rest, in watt.
    """

    name: str
    functions: Mapping[str, str]
    stored: tuple[str, str, tuple[str, ...]] | None = None
    area: float = 0.0
    capacitance: Mapping[str, float] = field(default_factory=dict)
    energy: Mapping[str, tuple[Table, ...]] = field(default_factory=dict)
    leakage_w: float = 0.0


GENERIC: Mapping[str, CellKind] = {
    f"$_{name}_": CellKind(f"$_{name}_", {"Y": expression})
    for name, expression in {
        "BUF": "A", "NOT": "!A", "AND": "A*B", "NAND": "!(A*B)", "OR": "A+B", "NOR": "!(A+B)",
        "XOR": "A^B", "XNOR": "!(A^B)", "ANDNOT": "A*!B", "ORNOT": "A+!B",
        "MUX": "A*!S+B*S", "NMUX": "!(A*!S+B*S)", "AOI3": "!(A*B+C)", "OAI3": "!((A+B)*C)",
        "AOI4": "!(A*B+C*D)", "OAI4": "!((A+B)*(C+D))",
    }.items()
} | {"$_DFF_P_": CellKind("$_DFF_P_", {}, ("D", "C", ("Q",)))}  # fmt: skip
"""The gates of Yosys itself, before they become cells of a library."""


@dataclass(frozen=True)
class CellLibrary:
    """The cells of a Liberty file.

    Attributes:
        cells: By name.
        volt: Supply.
        units_fj: Femtojoule in one unit of its energy tables.
        units_ff: Femtofarad in one unit of its loads.
    """

    cells: Mapping[str, CellKind]
    volt: float
    units_fj: float
    units_ff: float


@cache
def read_liberty(path: Path) -> CellLibrary:
    """The cells of a Liberty file.

    Raises:
        BackendError: It is not a library.
        DataError: It cannot be read.
    """
    text = read_text(path, most=1 << 26)
    try:
        return _library(parse_liberty(text))
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise BackendError(f"{path}: is not a library that can be read ({error})") from error


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s:;{}()",]+|[:;{}(),]', re.S)
_NOISE = re.compile(r"/\*.*?\*/|\\\s*\n", re.S)


def parse_liberty(text: str) -> Group:
    """The outermost group of a Liberty text.

    Raises:
        ValueError: It is not Liberty.
    """
    tokens = _TOKEN.findall(_NOISE.sub(" ", text))
    group, end = _group(tokens, 0)
    if end != len(tokens):
        raise ValueError("text after the library")
    return group


def _group(tokens: list[str], place: int) -> tuple[Group, int]:
    """The group that begins at a place, and the place behind it."""
    kind, name, place = _head(tokens, place)
    if tokens[place] != "{":
        raise ValueError(f'"{kind}" is not a group')
    values: dict[str, str] = {}
    groups = []
    place += 1
    while tokens[place] != "}":
        if tokens[place] == ";":
            place += 1
        elif tokens[place + 1] == ":":
            key, parts = tokens[place], []
            place += 2
            while tokens[place] not in ";}":
                parts.append(tokens[place].strip('"'))
                place += 1
            values[key] = " ".join(parts)
        else:
            key, inner, after = _head(tokens, place)
            if tokens[after] == "{":
                group, place = _group(tokens, place)
                groups.append(group)
            else:
                values[key], place = inner, after
    return Group(kind, name, values, tuple(groups)), place + 1


def _head(tokens: list[str], place: int) -> tuple[str, str, int]:
    """Keyword, text in parentheses, and the place behind them."""
    kind = tokens[place]
    if tokens[place + 1] != "(":
        raise ValueError(f'"{kind}" is followed by "{tokens[place + 1]}"')
    end = tokens.index(")", place)
    words = [word.strip('"') for word in tokens[place + 2 : end] if word != ","]
    return kind, " ".join(words), end + 1


def _library(group: Group) -> CellLibrary:
    unit = group.values["capacitive_load_unit"].split()
    units_ff = float(unit[0]) * {"pf": 1000.0, "ff": 1.0}[unit[1].lower()]
    volt = float(group.values["nom_voltage"])
    units_fj = units_ff  # capacitance times volts squared, both units of one volt
    leak = re.match(r"([\d.]+)\s*([munp]?)w", group.values["leakage_power_unit"].lower())
    if leak is None:
        raise ValueError("a unit of leakage that is not known")
    leak_w = float(leak[1]) * {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12}[leak[2]]
    templates = {
        g.name: g for kind in ("power_lut_template", "lu_table_template") for g in group.of(kind)
    }
    cells = {}
    for cell in group.of("cell"):
        made = _cell(cell, templates, units_ff, units_fj, leak_w)
        if made is not None:
            cells[made.name] = made
    return CellLibrary(cells, volt, units_fj, units_ff)


def _cell(
    cell: Group, templates: Mapping[str, Group], units_ff: float, units_fj: float, leak_w: float
) -> CellKind | None:
    """A cell, ``None`` for one that stores in another way than a flip-flop."""
    storage = next(cell.of("ff"), None)
    if storage is None and any(True for kind in ("latch", "statetable") for _ in cell.of(kind)):
        return None
    pins = {pin.name: pin for pin in cell.of("pin")}
    functions = {n: p.values["function"] for n, p in pins.items() if "function" in p.values}
    stored = None
    if storage is not None:
        kept = {storage.name.split()[0], storage.name.split()[-1]}
        outputs = tuple(n for n, f in functions.items() if f.strip() in kept)
        functions = {n: f for n, f in functions.items() if n not in outputs}
        clock, data = storage.values["clocked_on"].strip(), storage.values["next_state"].strip()
        if not {clock, data} <= pins.keys():
            return None
        stored = (data, clock, outputs)
    return CellKind(
        cell.name,
        functions,
        stored,
        float(cell.values["area"]),
        {
            n: float(p.values.get("capacitance", 0)) * units_ff
            for n, p in pins.items()
            if p.values.get("direction") == "input"
        },
        {n: _energy(p, templates, units_fj) for n, p in pins.items()},
        float(cell.values.get("cell_leakage_power", 0)) * leak_w,
    )


def _energy(pin: Group, templates: Mapping[str, Group], units_fj: float) -> tuple[Table, ...]:
    """A rise and a fall of a pin, as the mean over the cases that the library tells apart."""
    return tuple(
        table
        for power in pin.of("internal_power")
        for kind in ("rise_power", "fall_power", "power")
        for group in power.of(kind)
        for table in [_table(group, templates, units_fj)]
    )


def _table(group: Group, templates: Mapping[str, Group], units_fj: float) -> Table:
    rows = _numbers(group.values["values"])
    template = templates.get(group.name)
    axes = [a for a in ("index_1", "index_2") if template and f"variable_{a[-1]}" in
            template.values]  # fmt: skip
    index = {
        a: _numbers(group.values.get(a, template.values.get(a, "") if template else ""))
        for a in axes
    }
    load = next((a for a in axes if template and "capacitance" in
                 template.values[f"variable_{a[-1]}"]), None)  # fmt: skip
    shape = [len(index[a]) for a in axes] or [len(rows)]
    grid = np.asarray(rows, dtype=np.float64).reshape(shape) * units_fj
    if load is None:
        return Table(np.zeros(1), grid.reshape(-1)[[grid.size // 2]])
    if len(axes) == 2:
        other = 1 - axes.index(load)
        grid = np.take(grid, grid.shape[other] // 2, axis=other)
    return Table(np.asarray(index[load], dtype=np.float64), grid)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in re.split(r"[\s,]+", text) if word]


_WORD = re.compile(r"\s*([A-Za-z_]\w*|[01]|[!'*&+|^()])")


@cache
def compiled(expression: str) -> Function:
    """A Liberty expression as a function of the values of the pins.

    Values are integers or arrays of unsigned integers, a bit for each case; what is negated has
    all bits of its kind, so that the caller masks the result of integers.

    Raises:
        BackendError: It is not an expression.
    """
    words = _WORD.findall(expression)
    if "".join(words) != re.sub(r"\s", "", expression) or not words:
        raise BackendError(f'"{expression}" is not a function of a cell that can be read')
    text, rest = _sum(words)
    if rest:
        raise BackendError(f'"{expression}" is not a function of a cell that can be read')
    return text


def _sum(words: list[str]) -> tuple[Function, list[str]]:
    left, words = _difference(words)
    while words and words[0] in "+|":
        right, words = _difference(words[1:])
        left = _joined(left, right, "or")
    return left, words


def _difference(words: list[str]) -> tuple[Function, list[str]]:
    left, words = _product(words)
    while words and words[0] == "^":
        right, words = _product(words[1:])
        left = _joined(left, right, "xor")
    return left, words


def _product(words: list[str]) -> tuple[Function, list[str]]:
    left, words = _factor(words)
    while words and words[0] not in "+|^)'":
        right, words = _factor(words[1:] if words[0] in "*&" else words)
        left = _joined(left, right, "and")
    return left, words


def _factor(words: list[str]) -> tuple[Function, list[str]]:
    if not words:
        raise BackendError("a function of a cell ends in the middle")
    word, rest = words[0], words[1:]
    if word == "!":
        inner, rest = _factor(rest)
        return _negated(inner), rest
    if word == "(":
        found, rest = _sum(rest)
        if rest[:1] != [")"]:
            raise BackendError("a function of a cell lacks a parenthesis")
        rest = rest[1:]
    elif word in "01":
        found = _constant(word == "1")
    else:
        found = _pin(word)
    while rest[:1] == ["'"]:
        found, rest = _negated(found), rest[1:]
    return found, rest


def _pin(name: str) -> Function:
    return lambda values: values[name]


def _constant(one: bool) -> Function:
    return lambda values: ~_zero(values) if one else _zero(values)


def _zero(values: Mapping[str, Lanes]) -> Lanes:
    some = next(iter(values.values()), 0)
    return some ^ some


def _negated(inner: Function) -> Function:
    return lambda values: ~inner(values)


def _joined(left: Function, right: Function, how: str) -> Function:
    if how == "and":
        return lambda values: left(values) & right(values)
    if how == "or":
        return lambda values: left(values) | right(values)
    return lambda values: left(values) ^ right(values)
