"""Tensors under other shapes: reshaped, transposed, repeated, cut; no bytes are moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

from netwright.ir.einsums.einsum import Affine

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Digit:
    """A coordinate of a view: a whole axis, or a digit of its index in a mixed radix.

    Attributes:
        name: Unique in its view; a rank of the view's own `index`.
        extent: How many values it takes.
    """

    name: str
    extent: int


@dataclass(frozen=True, slots=True)
class View:
    """A stored tensor as a reader sees it.

    The index of each axis of the view is a number whose digits are independent coordinates; the
    indices of the stored tensor are affine in these. Splitting and merging axes, permuting,
    repeating and cutting them keeps that form.

    Attributes:
        base: Name of the stored tensor.
        stored: Its extents.
        axes: The digits of each axis of the view, most significant first; none for an extent of 1.
        index: An index for each axis of the stored tensor, its ranks being digits.

    Example:
        >>> heads = View.of("q", (1, 197, 768)).reshaped((1, 197, 12, 64)).permuted((0, 2, 1, 3))
        >>> heads.shape, [axis.terms for axis in heads.index][2]
        ((1, 12, 197, 64), (('d3', 64), ('d4', 1)))
    """

    base: str
    stored: Shape
    axes: tuple[tuple[Digit, ...], ...]
    index: tuple[Affine, ...]

    @classmethod
    def of(cls, name: str, shape: Shape) -> View:
        """The tensor as it is stored."""
        digits = [Digit(f"d{i}", extent) for i, extent in enumerate(shape)]
        index = tuple(Affine(((digit.name, 1),)) for digit in digits)
        return cls(name, shape, tuple((digit,) for digit in digits), index)

    @property
    def shape(self) -> Shape:
        """Extents as the reader sees them."""
        return tuple(prod(digit.extent for digit in axis) for axis in self.axes)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The coordinates of all axes, in row-major order."""
        return tuple(digit for axis in self.axes for digit in axis)

    @property
    def is_identity(self) -> bool:
        """Whether the reader sees the tensor as it is stored."""
        if self.shape != self.stored:
            return False
        extents = {digit.name: digit.extent for digit in self.digits}
        return all(
            not index.offset
            and radix(index, extents) == tuple(d.name for d in axis if d.extent > 1)
            for axis, index in zip(self.axes, self.index, strict=True)
        )

    @property
    def form(self) -> tuple[object, ...]:
        """Equal for views of one tensor that show the same."""
        extents = {digit.name: digit.extent for digit in self.digits}
        place = {digit.name: i for i, digit in enumerate(d for d in self.digits if d.extent > 1)}
        axes = tuple(tuple(d.extent for d in axis if d.extent > 1) for axis in self.axes)
        index = tuple(
            (tuple(sorted((place[n], f) for n, f in i.terms if extents[n] > 1)), i.offset)
            for i in self.index
        )
        return self.base, self.shape, axes, index

    @property
    def keeps_order(self) -> bool:
        """Whether its elements, in row-major order, are those of the tensor: a reshape."""
        flat, step = [], 1
        for extent, index in zip(reversed(self.stored), reversed(self.index), strict=True):
            flat += [(name, factor * step) for name, factor in index.terms]
            step *= extent
        extents = {digit.name: digit.extent for digit in self.digits}
        mine = dict(_sum(self.digits).terms)
        found = {name: factor for name, factor in flat if extents[name] > 1}
        offset = any(index.offset for index in self.index)
        return prod(self.shape) == prod(self.stored) and not offset and found == mine

    @property
    def is_bijective(self) -> bool:
        """Whether every element of the tensor is seen exactly once."""
        if prod(self.shape) != prod(self.stored):
            return False
        extents = {digit.name: digit.extent for digit in self.digits}
        used = [name for index in self.index for name, _ in index.terms if extents[name] > 1]
        if sorted(used) != sorted(digit.name for digit in self.digits if digit.extent > 1):
            return False
        return all(radix(index, extents) is not None and not index.offset for index in self.index)

    def inverse(self, name: str) -> View:
        """The stored tensor as a view of one that is stored the way this view shows it.

        Args:
            name: Of the tensor that has the shape of this view, which must be bijective.
        """
        extents = {digit.name: digit.extent for digit in self.digits}
        axes = tuple(
            tuple(Digit(rank, extents[rank]) for rank in radix(index, extents) or ())
            for index in self.index
        )
        return View(name, self.shape, axes, tuple(_sum(axis) for axis in self.axes))

    def permuted(self, order: Sequence[int]) -> View:
        """Its axes in another order."""
        return View(self.base, self.stored, tuple(self.axes[i] for i in order), self.index)

    def reshaped(self, shape: Shape) -> View | None:
        """The same elements in the same order under another shape; ``None`` if that is not affine.

        It is where the borders of the new axes divide those of the old ones.
        """
        digits = [digit for digit in self.digits if digit.extent > 1]
        fresh = self._fresh()
        parts: dict[str, tuple[Digit, ...]] = {}
        axes: list[tuple[Digit, ...]] = []
        for extent in reversed(shape):
            taken: list[Digit] = []
            room = extent
            while room > 1:
                if not digits:
                    return None
                last = digits.pop()
                if room % last.extent and last.extent % room:
                    return None
                if last.extent > room:
                    outer = Digit(next(fresh), last.extent // room)
                    inner = Digit(next(fresh), room)
                    parts[last.name] = (outer, inner)
                    digits.append(outer)
                    last = inner
                taken.append(last)
                room //= last.extent
            axes.append(tuple(reversed(taken)))
        return None if digits else self._replaced(tuple(reversed(axes)), parts)

    def expanded(self, shape: Shape) -> View:
        """Repeated along axes of extent 1, and along new ones in front."""
        fresh = self._fresh()
        own = (*([()] * (len(shape) - len(self.axes))), *self.axes)
        axes = tuple(
            (Digit(next(fresh), extent),)
            if extent > 1 and prod(digit.extent for digit in axis) == 1
            else axis
            for axis, extent in zip(own, shape, strict=True)
        )
        return self._replaced(axes, {})

    def repeated(self, axis: int, times: int) -> View:
        """An axis as often as said, one time after the other."""
        if times == 1:
            return self
        longer = (Digit(next(self._fresh()), times), *self.axes[axis])
        return self._replaced((*self.axes[:axis], longer, *self.axes[axis + 1 :]), {})

    def cut(self, axis: int, start: int, num: int, step: int = 1) -> View | None:
        """`num` places of an axis from `start` on; ``None`` if that is not affine."""
        kept: list[Digit] = []
        parts: dict[str, Affine] = {}
        fresh = self._fresh()
        digits = self.axes[axis]
        inner = prod(digit.extent for digit in digits)
        for place, digit in enumerate(digits):
            inner //= digit.extent
            last = start + (num - 1) * step
            if inner == 1 or (step == 1 and start % inner == 0 and num % inner == 0):
                new = Digit(next(fresh), num // inner if inner > 1 else num)
                first = start // inner
                parts[digit.name] = Affine(((new.name, step),), first)
                kept += [new, *digits[place + 1 :]]
                break
            if start // inner != last // inner:
                return None
            parts[digit.name] = Affine((), start // inner)
            start %= inner
        axes = (*self.axes[:axis], tuple(kept), *self.axes[axis + 1 :])
        return self._replaced(axes, {}, parts)

    def _fresh(self) -> Iterator[str]:
        used = {digit.name for digit in self.digits}
        used.update(name for index in self.index for name, _ in index.terms)
        return (name for name in (f"d{i}" for i in count(len(used))) if name not in used)

    def _replaced(
        self,
        axes: tuple[tuple[Digit, ...], ...],
        split: dict[str, tuple[Digit, ...]],
        parts: dict[str, Affine] | None = None,
    ) -> View:
        """With these axes; digits that are gone are sums of others, or 0."""
        expressions = dict(parts or {})
        for name, digits in reversed(split.items()):  # a part may be split again, later
            whole = Affine(())
            for digit, factor in zip(digits, _factors(digits), strict=True):
                part = expressions.get(digit.name, Affine(((digit.name, 1),)))
                whole = plus(whole, times(part, factor))
            expressions[name] = whole
        live = {digit.name for axis in axes for digit in axis}
        gone = {
            name: Affine(())
            for index in self.index
            for name, _ in index.terms
            if name not in live and name not in expressions
        }
        index = tuple(substituted(index, {**gone, **expressions}) for index in self.index)
        return View(self.base, self.stored, axes, index)


def substituted(index: Affine, expressions: dict[str, Affine]) -> Affine:
    """An index with ranks replaced by affine expressions."""
    result = Affine((), index.offset)
    for name, factor in index.terms:
        part = expressions.get(name, Affine(((name, 1),)))
        result = plus(result, times(part, factor))
    return result


def plus(left: Affine, right: Affine) -> Affine:
    """The sum of two indices; terms of one rank are joined."""
    factors = dict(left.terms)
    for name, factor in right.terms:
        factors[name] = factors.get(name, 0) + factor
    terms = tuple((name, factor) for name, factor in factors.items() if factor)
    return Affine(terms, left.offset + right.offset)


def times(index: Affine, factor: int) -> Affine:
    """An index times a number."""
    return Affine(tuple((name, own * factor) for name, own in index.terms), index.offset * factor)


def radix(index: Affine, extents: dict[str, int]) -> tuple[str, ...] | None:
    """The ranks of an index if they are digits of a number, most significant first.

    Ranks of extent 1 are left out, as they never count.
    """
    terms = sorted(
        ((name, factor) for name, factor in index.terms if extents[name] > 1),
        key=lambda term: -term[1],
    )
    step = 1
    for name, factor in reversed(terms):
        if factor != step:
            return None
        step *= extents[name]
    return tuple(name for name, _ in terms)


def _sum(digits: Sequence[Digit]) -> Affine:
    terms = zip(digits, _factors(digits), strict=True)
    return Affine(tuple((digit.name, factor) for digit, factor in terms if digit.extent > 1))


def _factors(digits: Sequence[Digit]) -> list[int]:
    factors, step = [], 1
    for digit in reversed(digits):
        factors.append(step)
        step *= digit.extent
    return factors[::-1]
