"""Cascades in text as workloads: names get their meaning, and everything is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

from netwright.errors import ConfigError
from netwright.formats import Format, Int
from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.workload.cascade.syntax import (
    KEYWORDS,
    Declared,
    Defined,
    Index,
    Read,
    Text,
    read_statement,
)
from netwright.workload.cascade.tokens import MAX_CHARACTERS, MAX_FAULTS, Fault, Token, statements
from netwright.workload.cycles import groups, order_faults
from netwright.workload.workload import Tensor, Workload

MAX_ELEMENTS = 1 << 62
"""Elements of one tensor, and points of one Einsum."""

MAX_EINSUMS = 10_000
MAX_AXES = 32
MAX_SHOWN = 20
"""Faults that one message lists."""


def parse(
    text: str, *, name: str = "cascade", extents: Mapping[str, int] | None = None
) -> Workload:
    r"""A cascade from its text.

    Args:
        text: Statements, one a line; the grammar is in :mod:`netwright.workload.cascade.syntax`.
        name: Of the workload, where the text gives none; also what errors call the text.
        extents: Sizes of ranks that replace those in the text.

    Raises:
        ConfigError: All faults, each with line, column and what is accepted.

    Example:
        >>> scaled = parse("rank m = 4\ninput X[m]\nS = add(m: X[m])\nY[m] = X[m] / S")
        >>> [einsum.name for einsum in scaled.einsums]
        ['S', 'Y']
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{len(text)} characters; a cascade has at most {MAX_CHARACTERS}",
                          path=name)  # fmt: skip
    found, faults = statements(text)
    written = Text()
    for words in found:
        if len(faults) >= MAX_FAULTS:
            break
        try:
            read_statement(words, written)
        except Fault as fault:
            faults.append(fault)
    if not faults:
        resolver = _Resolver(written, dict(extents or {}))
        faults = list(resolver.faults())
        if not faults:
            return resolver.workload(name)
    raise _error(name, faults)


def load(path: str | Path, *, extents: Mapping[str, int] | None = None) -> Workload:
    """A cascade from a file; arguments and errors as for :func:`parse`.

    Raises:
        ConfigError: The file is missing, or too large, or no text.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CHARACTERS + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("is no text", path=str(path)) from None
    return parse(text, name=str(path), extents=extents)


def _error(name: str, faults: list[Fault]) -> ConfigError:
    faults = sorted(faults, key=lambda fault: (fault.token.line, fault.token.column))
    if len(faults) == 1:
        token = faults[0].token
        place = f"{name}:{token.line}:{token.column}"
        return ConfigError(faults[0].message, path=place, hint=faults[0].hint or None)
    lines = [f"\n  {fault}" for fault in faults[:MAX_SHOWN]]
    if len(faults) > MAX_SHOWN:
        lines.append(f"\n  and {len(faults) - MAX_SHOWN} more")
    return ConfigError(f"{len(faults)} faults{''.join(lines)}", path=name)


class _Resolver:
    """A text while its names are looked up."""

    def __init__(self, text: Text, extents: dict[str, int]) -> None:
        self.text = text
        self.replaced = extents
        self.extents: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.initial = {token.text: value for token, value in text.initial}
        self.iterative = {
            defined.output.name.text
            for defined in text.defined
            if any(index.offset == 1 for index in defined.output.index)
        }
        self.einsums: list[Einsum] = []

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong."""
        yield from self._ranks()
        for declared in self.text.declared:
            yield from self._declare(declared)
        if len(self.text.defined) > MAX_EINSUMS:
            yield Fault(
                self.text.defined[MAX_EINSUMS].output.name,
                f"{len(self.text.defined)} Einsums, not at most {MAX_EINSUMS}",
            )
            return
        for defined in self.text.defined:
            yield from self._shape(defined)
        names: set[str] = set()
        for defined in self.text.defined:
            if defined.label.text in names:
                yield Fault(defined.label, f"two Einsums are called {defined.label}")
            if defined.label is not defined.output.name and defined.label.text in KEYWORDS:
                yield Fault(defined.label, f"{defined.label} is a word of the language")
            names.add(defined.label.text)
            yield from self._define(defined)
        yield from self._rest()
        if len(self.einsums) == len(self.text.defined):
            yield from self._order()

    def workload(self, name: str) -> Workload:
        """The result; only after :meth:`faults` has found none."""
        element = Format(Int(self.text.bits[1] if self.text.bits else 8))
        kinds = {declared.name.text: declared.kind for declared in self.text.declared}
        tensors = tuple(
            Tensor(
                tensor, shape, element, kinds.get(tensor, "activation"), self.initial.get(tensor)
            )
            for tensor, shape in self.shapes.items()
        )  # fmt: skip
        read = {
            tensor
            for einsum in self.einsums
            for tensor in einsum.reads
            if tensor != einsum.output.tensor
        }
        made = [einsum.output.tensor for einsum in self.einsums]
        outputs = [token.text for token in self.text.outputs]
        outputs = outputs or [tensor for tensor in made if tensor not in read] or made[-1:]
        return Workload(self.text.name or Path(name).stem, tensors, self._sorted(), tuple(outputs))

    def _ranks(self) -> Iterator[Fault]:
        for token, extent in self.text.ranks:
            if token.text in self.extents:
                yield Fault(token, f"rank {token} is declared twice")
            if token.text in ("last", "inf", *KEYWORDS):
                yield Fault(token, f"{token} is a word of the language and names no rank")
            self.extents[token.text] = self.replaced.pop(token.text, extent)
            if not 1 <= self.extents[token.text] <= MAX_ELEMENTS:
                yield Fault(token, f"the extent of {token} must be from 1 to {MAX_ELEMENTS}")
        place = Token("name", "", 1, 1)
        for name in self.replaced:
            yield Fault(place, f'no rank is called "{name[:80]}"', self._known())
        bits = self.text.bits
        if bits is not None and not 1 <= bits[1] <= 64:
            yield Fault(bits[0], f"bits must be from 1 to 64, not {bits[1]}")

    def _known(self) -> str:
        return f"ranks are {', '.join(self.extents) or 'declared as in: rank m = 16'}"

    def _declare(self, declared: Declared) -> Iterator[Fault]:
        shape = []
        for axis in declared.axes:
            extent = 1
            for factor in axis:
                if factor.kind == "number":
                    extent *= int(factor.text)
                elif factor.text in self.extents:
                    extent *= self.extents[factor.text]
                else:
                    yield Fault(factor, f"no rank is called {factor}", self._known())
            shape.append(min(extent, MAX_ELEMENTS + 1))
        yield from self._enter(declared.name, tuple(shape))

    def _enter(self, token: Token, shape: tuple[int, ...]) -> Iterator[Fault]:
        if token.text in self.shapes:
            yield Fault(token, f"tensor {token} is made twice")
        if len(shape) > MAX_AXES:
            yield Fault(token, f"{token} has {len(shape)} axes, not at most {MAX_AXES}")
        if min(shape) < 1 or prod(shape) > MAX_ELEMENTS:
            yield Fault(token, f"{token} must have from 1 to {MAX_ELEMENTS} elements")
        self.shapes[token.text] = shape

    def _shape(self, defined: Defined) -> Iterator[Fault]:
        """The tensor that an Einsum makes: one more than the largest index of each axis."""
        shape = []
        for index in defined.output.index:
            unknown = [rank for rank, _ in index.terms if rank.text not in self.extents]
            for rank in unknown:
                yield Fault(rank, f"no rank is called {rank}", self._known())
            if index.is_last or (not index.terms and index.offset):
                yield Fault(index.token, "an index that is written must be 0 or contain a rank")
            if any(step < 1 for _, step in index.terms) or index.offset not in (0, 1):
                yield Fault(
                    index.token,
                    "an index that is written must be ranks with positive coefficients, plus 1 "
                    "for an iterative rank",
                )
            if not unknown:
                ends = (step * (self.extents[rank.text] - 1) for rank, step in index.terms)
                shape.append(1 + index.offset + sum(ends))
        if len(shape) == len(defined.output.index):
            yield from self._enter(defined.output.name, tuple(shape))

    def _define(self, defined: Defined) -> Iterator[Fault]:
        found: list[Fault] = []
        inputs = tuple(self._access(read, found) for read in defined.operands)
        iterative = []
        for index in defined.output.index:
            if index.offset == 1 and len(index.terms) == 1 and index.terms[0][1] == 1:
                iterative.append(index.terms[0][0])
            elif index.offset:
                found.append(Fault(index.token, "an iterative rank stands alone: m + 1"))
        output = defined.output
        if iterative and output.name.text not in self.initial:
            found.append(Fault(
                output.name, f"{output.name} must have a value at the first index",
                f"for instance: initial {output.name.text} = 0",
            ))  # fmt: skip
        if defined.reduce_op == "none":
            found += self._meetings(output)
        made = [rank.text for index in output.index for rank, _ in index.terms]
        found += self._rank_faults(defined, made)
        reduced = [rank.text for rank in defined.reduced]
        yield from found
        if found or any(rank not in self.extents for rank in (*made, *reduced)):
            return
        ranks = tuple(Rank(rank, self.extents[rank]) for rank in dict.fromkeys((*made, *reduced)))
        if prod(rank.extent for rank in ranks) > MAX_ELEMENTS:
            yield Fault(output.name, f"{output.name} has more than {MAX_ELEMENTS} points")
        constants = tuple(
            float(self.extents[value.text]) if isinstance(value, Token) else value
            for value in defined.constants
        )
        self.einsums.append(Einsum(
            defined.label.text, ranks, _written(output, self.shapes[output.name.text]),
            inputs, defined.map_op, defined.unary, defined.reduce_op,
            tuple(rank.text for rank in iterative), constants,
            defined.label.text,
        ))  # fmt: skip

    def _meetings(self, output: Read) -> Iterator[Fault]:
        """Indices that several points of an Einsum without reduction may write."""
        for index in output.index:
            reach = 0
            for rank, step in sorted(index.terms, key=lambda term: term[1]):
                if step <= reach:
                    yield Fault(
                        index.token, f"several points fall on one element of {output.name}",
                        f"combine them, as in {output.name.text}[...] = add(: ...)",
                    )  # fmt: skip
                    break
                reach += step * (self.extents.get(rank.text, 1) - 1)

    def _rank_faults(self, defined: Defined, made: list[str]) -> Iterator[Fault]:
        reduced = {rank.text for rank in defined.reduced}
        for value in defined.constants:
            if isinstance(value, Token) and value.text not in self.extents:
                yield Fault(value, f"no rank is called {value}", self._known())
        for rank in defined.reduced:
            if rank.text not in self.extents:
                yield Fault(rank, f"no rank is called {rank}", self._known())
            if rank.text in made:
                yield Fault(rank, f"rank {rank} is reduced, so that {defined.output.name} has none")
        for twice in dict.fromkeys(name for name in made if made.count(name) > 1):
            yield Fault(defined.output.name, f'rank "{twice}" is written twice')
        for read in defined.operands:
            for index in read.index:
                for rank, _ in index.terms:
                    if rank.text in self.extents and rank.text not in (*made, *reduced):
                        yield Fault(
                            rank, f"rank {rank} is neither an index of {defined.output.name} nor "
                            "reduced", f"for instance: add({rank.text}: ...)",
                        )  # fmt: skip

    def _access(self, read: Read, found: list[Fault]) -> Access:
        shape = self.shapes.get(read.name.text)
        if shape is None:
            known = ", ".join(list(self.shapes)[:MAX_SHOWN]) or "declared as in: input X[m]"
            text = f"no tensor is called {read.name}"
            found.append(Fault(read.name, text, f"tensors are {known}"))
            return Access(read.name.text, ())
        if len(shape) != len(read.index):
            number = len(read.index)
            found.append(
                Fault(read.name, f"{read.name} must have {len(shape)} indices, not {number}")
            )
            return Access(read.name.text, ())
        for index, extent in zip(read.index, shape, strict=True):
            found.extend(self._bounds(read.name, index, extent))
        access = _written(read, shape)
        if prod(shape) > 1 and not any(axis.terms or axis.offset for axis in access.index):
            found.append(
                Fault(
                    read.name,
                    f"the first element of {read.name} cannot be read alone",
                    "another index can, or a tensor of its own for this element",
                )
            )
        return access

    def _bounds(self, name: Token, index: Index, extent: int) -> Iterator[Fault]:
        low = high = index.offset
        for rank, step in index.terms:
            if rank.text not in self.extents:
                yield Fault(rank, f"no rank is called {rank}", self._known())
                return
            end = step * (self.extents[rank.text] - 1)
            low, high = low + min(end, 0), high + max(end, 0)
        alone = len(index.terms) == 1 and index.terms[0][1] == 1 and not index.offset
        only = index.terms[0][0] if alone else None
        iterative = name.text in self.iterative and high == extent - 2
        if only is not None and low == 0 and high < extent - 1 and not iterative:
            yield Fault(
                only, f"rank {only} has extent {high + 1}, this axis of {name} has {extent}",
                "an axis is read by a rank of its extent, or by a sum of ranks",
            )  # fmt: skip
        if low < 0 or high >= extent:
            reach = f"{low}" if low == high else f"{low} to {high}"
            text = f"this axis of {name} has indices 0 to {extent - 1}, not {reach}"
            yield Fault(index.token, text)

    def _rest(self) -> Iterator[Fault]:
        made = {defined.output.name.text for defined in self.text.defined}
        started: set[str] = set()
        for token, _ in self.text.initial:
            if token.text not in made:
                yield Fault(token, f"no Einsum makes {token}")
            elif token.text not in self.iterative:
                yield Fault(
                    token, f"{token} has no first value: no iterative rank writes it",
                    "as in R[m + 1] = R[m] + X[m]",
                )  # fmt: skip
            elif token.text in started:
                yield Fault(token, f"{token} has two first values")
            started.add(token.text)
        for token in self.text.outputs:
            if token.text not in made:
                yield Fault(token, f"no Einsum makes {token}")
        if not self.text.defined:
            yield Fault(Token("end", "", 1, 1), "a cascade has at least one Einsum")

    def _order(self) -> Iterator[Fault]:
        places = {einsum.name: d for einsum, d in zip(self.einsums, self.text.defined, strict=True)}
        for group in groups(self.einsums):
            members = [self.einsums[place] for place in group]
            for einsum, access, why in order_faults(members):
                read = next(r for r in places[einsum.name].operands if r.name.text == access.tensor)
                yield Fault(
                    read.name, f"{read.name} is read in a cycle: {why}",
                    "an iterative rank writes a later index, as in R[m + 1] = R[m] + X[m]",
                )  # fmt: skip

    def _sorted(self) -> tuple[Einsum, ...]:
        """In the order of the text where that can be executed, else by what is read."""
        place = {einsum.output.tensor: index for index, einsum in enumerate(self.einsums)}
        ordered = groups(self.einsums)
        member = {index: number for number, group in enumerate(ordered) for index in group}
        as_written = all(
            place[name] < index or member[place[name]] == member[index]
            for index, einsum in enumerate(self.einsums)
            for name in einsum.reads
            if name in place
        )
        if as_written:
            return tuple(self.einsums)
        return tuple(self.einsums[index] for group in ordered for index in group)


def _written(read: Read, shape: tuple[int, ...] = ()) -> Access:
    axes = []
    for number, index in enumerate(read.index):
        terms = tuple((rank.text, step) for rank, step in index.terms)
        axes.append(Affine(terms, shape[number] - 1 if index.is_last else index.offset))
    return Access(read.name.text, tuple(axes))
