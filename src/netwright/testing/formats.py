"""What number formats and patterns of zeros must do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise, product
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats import Format, Int, NumberFormat, Pattern, Words, stored
from netwright.ir.format_records import number_from, pattern_from, record_of

EXHAUSTIVE_BITS = 12
"""Formats of up to so many bits are tested with every word."""

NUM_WORDS = 2000
NUM_GROUPS = 300
MAX_ELEMENTS = 12


class NumberFormatSuite:
    """Tests of number formats; inherit it and name them.

    Attributes:
        numbers: The formats to test; each kind must be registered (``netwright.formats``).

    Example:
        >>> from netwright.formats import Int
        >>> class TestMine(NumberFormatSuite):
        ...     numbers = (Int(4),)
        >>> TestMine().test_a_value_is_stored_and_read_again()
    """

    numbers: ClassVar[tuple[NumberFormat, ...]] = ()

    def test_a_value_is_stored_and_read_again(self) -> None:
        """Every value of a word is a value of the format, and its word gives it again."""
        for number in self._all():
            values = values_of(number)
            assert len(values), f"{number} has no values"
            assert np.all(number.allowed(values)), number
            words = number.encode(values)
            assert words.dtype == np.uint64, number
            assert int(words.max()) < 1 << number.word_bits, f"{number}: a word is too wide"
            assert np.array_equal(number.decode(words), values), number
            ends = alone(number, [number.min, number.max])
            assert np.array_equal(number.decode(number.encode(ends)), ends), number

    def test_the_ends_are_values_and_nothing_beyond_is(self) -> None:
        """The ends belong to the format, nothing beyond them does."""
        for number in self._all():
            assert np.all(number.allowed(alone(number, [number.min, number.max]))), number
            assert number.signed == (number.min < 0), number
            values = values_of(number)
            assert number.min <= values.min(), number
            assert values.max() <= number.max, number
            span = 1 + abs(number.max)
            for outside in ([number.min - span, number.max + span], [np.inf, -np.inf, np.nan]):
                found = number.allowed(alone(number, outside))
                assert not np.any(_first(number, found)), number

    def test_a_value_between_two_becomes_one_of_them(self) -> None:
        """A real value, alone in its group, is stored as a neighbor of it, and in order.

        Where a group shares a scale, a rule chooses it, and may step over neighbors: there only the
        sign is kept.
        """
        for number in self._all():
            values = np.unique(_lone_values(number))
            for low, high in pairwise(values[:: max(1, len(values) // 200)]):
                middle = low + (high - low) * np.array([0.25, 0.5, 0.75])
                made = _alone_made(number, middle).astype(np.float64)
                if number.group_bits:
                    assert np.all(made * np.sign(middle) >= 0), (number, low, high)
                    continue
                assert np.all((low <= made) & (made <= high)), (number, low, high)
                assert np.all(np.diff(made) >= 0), (number, low, high)

    def test_what_is_outside_becomes_a_value(self) -> None:
        """Saturation gives an end; a register may wrap, but holds a value of its own."""
        for number in self._all():
            made = _alone_made(number, [2 * number.min - 3, 2 * number.max + 3])
            assert np.all(number.allowed(alone(number, made))), number
            if not number.wraps:
                assert made.tolist() == [number.min, number.max], number

    def test_values_of_integer_formats_are_integers(self) -> None:
        """The values of integer formats have an integer type."""
        for number in self._all():
            kind = number.decode(np.zeros(number.group, np.uint64)).dtype.kind
            assert (kind in "iu") == number.is_integer, number

    def test_what_is_no_number_is_refused_or_stays_one(self) -> None:
        """NaN has a word of its own, or is refused."""
        for number in self._all():
            try:
                words = number.encode(alone(number, [np.nan]))
            except NumericsError:
                continue
            assert np.isnan(number.decode(words).astype(np.float64).flat[0]), number

    def test_parts_of_groups_are_refused(self) -> None:
        """Groups are whole, and one does not change what is stored of the next."""
        for number in self._all():
            if number.group == 1:
                assert number.group_bits == 0, number
                continue
            for part in (np.zeros(number.group - 1), np.zeros(2 * number.group + 1)):
                for refusing in (number.encode, number.allowed):
                    with pytest.raises(NumericsError):
                        refusing(part)
                with pytest.raises(NumericsError):
                    number.decode(part.astype(np.uint64))
            values = values_of(number).astype(np.float64)[:100]
            made = number.encode(values.ravel()).reshape(values.shape)
            assert np.array_equal(made, number.encode(values)), number

    def test_it_is_a_plain_value_with_names(self) -> None:
        """Formats are compared, hashed, printed and kept in files."""
        for number in self._all():
            assert hash(number) == hash(number)
            assert str(number)
            assert number_from(record_of(number)) == number
            for name in ("qonnx_name", "ap_fixed_name", "verilog_name"):
                assert _name_or_reason(number, name), (number, name)

    def _all(self) -> Iterator[NumberFormat]:
        assert self.numbers, "name the formats to test in `numbers`"
        for number in self.numbers:
            assert isinstance(number, NumberFormat), number
            yield number


def _name_or_reason(number: NumberFormat, name: str) -> str:
    try:
        text = getattr(number, name)()
    except NumericsError as error:
        return str(error)
    assert isinstance(text, str), (number, name)
    return text


def alone(number: NumberFormat, values: ArrayLike) -> NDArray[np.generic]:
    """Each of `values` as the first of a group of zeros; as it is where there are no groups."""
    array = np.asarray(values)
    if number.group == 1:
        return array
    groups = np.zeros((*array.shape, number.group), array.dtype)
    groups[..., 0] = array
    return groups


def _first(number: NumberFormat, values: NDArray[Any]) -> NDArray[Any]:
    """The first value of each group."""
    return values if number.group == 1 else values[..., 0]


def _alone_made(number: NumberFormat, values: ArrayLike) -> NDArray[np.generic]:
    return _first(number, number.decode(number.encode(alone(number, values))))


def _lone_values(number: NumberFormat) -> NDArray[np.float64]:
    """Values that belong to the format where the rest of their group is 0."""
    values = values_of(number).astype(np.float64)
    return values if number.group == 1 else _alone_made(number, values.ravel()).astype(np.float64)


def words_of(number: NumberFormat) -> Words:
    """Every word of a format, or many of a wide one; of groups, one group in each row."""
    if number.group == 1:
        return _every_word(number.bits)
    every, group = _every_word(number.bits), number.group
    if number.group_bits:
        rows = np.random.default_rng(2).choice(every, (1 << number.group_bits, group))
        shared = np.arange(len(rows), dtype=np.uint64) << np.uint64(number.bits)
        return rows | shared[:, None]
    if len(every) ** group <= 1 << EXHAUSTIVE_BITS:
        return np.stack(np.meshgrid(*[every] * group), -1).reshape(-1, group)
    return np.random.default_rng(3).choice(every, (NUM_GROUPS, group))


def _every_word(bits: int) -> Words:
    if bits <= EXHAUSTIVE_BITS:
        return np.arange(1 << bits, dtype=np.uint64)
    words = np.random.default_rng(1).integers(0, 1 << 64, NUM_WORDS, np.uint64, endpoint=False)
    return words >> np.uint64(64 - bits)


def values_of(number: NumberFormat) -> NDArray[np.generic]:
    """The values of :func:`words_of` that belong to the format; of groups, those that are read."""
    words = words_of(number)
    if number.group == 1:
        values = number.decode(words)
        return values[number.allowed(values)]
    values = np.stack([row for row in map(partial(_read, number), words) if row is not None])
    kept = values[number.allowed(values).all(axis=-1)]
    assert 2 * len(kept) > len(values), f"{number} does not allow most of what it reads"
    return kept


def _read(number: NumberFormat, words: Words) -> NDArray[np.generic] | None:
    """The finite values of a group of words; nothing where such words cannot occur."""
    try:
        values = number.decode(words)
    except NumericsError:
        return None
    return values if np.all(np.isfinite(values.astype(np.float64))) else None


class PatternSuite:
    """Tests of patterns of zeros; inherit it and name them.

    Attributes:
        patterns: Patterns to test, each with a shape of at most 12 elements that can have it; each
            kind must be registered (``netwright.patterns``).
    """

    patterns: ClassVar[tuple[tuple[Pattern, tuple[int, ...]], ...]] = ()

    def test_zeros_have_the_pattern(self) -> None:
        """A tensor of zeros has every pattern that its shape can have."""
        for pattern, shape in self._all():
            assert pattern.shape_fault(shape) == "", pattern
            assert pattern.fault(np.zeros(shape)) == "", pattern

    def test_as_many_values_are_kept_as_the_pattern_allows(self) -> None:
        """`num_values` is the largest number of elements other than zero."""
        for pattern, shape in self._all():
            most = max(int(mask.sum()) for mask in _masks(pattern, shape))
            assert pattern.num_values(shape) == most, pattern

    def test_a_zero_more_is_no_fault(self) -> None:
        """What has the pattern has it with another zero as well."""
        for pattern, shape in self._all():
            for mask in list(_masks(pattern, shape))[:50]:
                for place in np.argwhere(mask)[:2]:
                    fewer = mask.copy()
                    fewer[tuple(place)] = False
                    assert pattern.fault(fewer) == "", (pattern, fewer.tolist())

    def test_the_metadata_tell_all_places_apart(self) -> None:
        """Its bits are enough to say which elements are kept."""
        for pattern, shape in self._all():
            full = sum(mask.sum() == pattern.num_values(shape) for mask in _masks(pattern, shape))
            assert full <= 1 << pattern.metadata_bits(shape), (pattern, full)

    def test_a_tensor_takes_no_more_than_without_the_pattern(self) -> None:
        """What is stored has no more bits and no more values than the dense tensor."""
        for pattern, shape in self._all():
            for bits in (1, 2, 8, 32):
                format = Format(Int(bits))
                dense = stored(format, shape)
                sparse = stored(Format(Int(bits), pattern=pattern), shape)
                assert sparse.num_bits <= dense.num_bits, (pattern, bits)
                assert sparse.num_values <= dense.num_values, (pattern, bits)
                assert sparse.payload_bits == sparse.num_values * bits, (pattern, bits)

    def test_it_is_a_plain_value_with_a_name(self) -> None:
        """Patterns are compared, hashed, printed and kept in files."""
        for pattern, _ in self._all():
            assert hash(pattern) == hash(pattern)
            assert str(pattern)
            assert pattern_from(record_of(pattern)) == pattern

    def _all(self) -> Iterator[tuple[Pattern, tuple[int, ...]]]:
        assert self.patterns, "name the patterns to test in `patterns`"
        for pattern, shape in self.patterns:
            assert isinstance(pattern, Pattern), pattern
            assert np.prod(shape) <= MAX_ELEMENTS, f"{pattern}: give a smaller shape than {shape}"
            yield pattern, shape


def _masks(pattern: Pattern, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Every set of places that the pattern allows to be other than zero."""
    for bits in product((True, False), repeat=int(np.prod(shape))):
        mask = np.array(bits).reshape(shape)
        if not pattern.fault(mask):
            yield mask
