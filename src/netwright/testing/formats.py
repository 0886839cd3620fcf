"""What number formats and patterns of zeros must do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats import Format, Int, NumberFormat, Pattern, Words, stored
from netwright.ir.format_records import number_from, pattern_from, record_of

EXHAUSTIVE_BITS = 12
"""Formats of up to so many bits are tested with every word."""

NUM_WORDS = 2000
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
            assert int(words.max()) < 1 << number.bits, f"{number}: a word is too wide"
            assert np.array_equal(number.decode(words), values), number
            ends = np.array([number.min, number.max])
            assert np.array_equal(number.decode(number.encode(ends)), ends), number

    def test_the_ends_are_values_and_nothing_beyond_is(self) -> None:
        """The ends belong to the format, nothing beyond them does."""
        for number in self._all():
            assert np.all(number.allowed([number.min, number.max])), number
            assert number.signed == (number.min < 0), number
            values = values_of(number)
            assert number.min <= values.min(), number
            assert values.max() <= number.max, number
            span = 1 + abs(number.max)
            assert not np.any(number.allowed([number.min - span, number.max + span])), number
            assert not np.any(number.allowed([np.inf, -np.inf, np.nan])), number

    def test_a_value_between_two_becomes_one_of_them(self) -> None:
        """A real value is stored as a neighbor of it."""
        for number in self._all():
            values = np.unique(values_of(number).astype(np.float64))
            for low, high in pairwise(values[:: max(1, len(values) // 200)]):
                middle = low + (high - low) * np.array([0.25, 0.5, 0.75])
                made = number.decode(number.encode(middle)).astype(np.float64)
                assert np.all((low <= made) & (made <= high)), (number, low, high)
                assert np.all(np.diff(made) >= 0), (number, low, high)

    def test_what_is_outside_becomes_a_value(self) -> None:
        """Saturation gives an end; a register may wrap, but holds a value of its own."""
        for number in self._all():
            outside = [2 * number.min - 3, 2 * number.max + 3]
            made = number.decode(number.encode(outside))
            assert np.all(number.allowed(made)), number
            if not number.wraps:
                assert made.tolist() == [number.min, number.max], number

    def test_values_of_integer_formats_are_integers(self) -> None:
        """The values of integer formats have an integer type."""
        for number in self._all():
            kind = number.decode(np.zeros(1, np.uint64)).dtype.kind
            assert (kind in "iu") == number.is_integer, number

    def test_what_is_no_number_is_refused_or_stays_one(self) -> None:
        """NaN has a word of its own, or is refused."""
        for number in self._all():
            try:
                words = number.encode([np.nan])
            except NumericsError:
                continue
            assert np.isnan(number.decode(words).astype(np.float64)).all(), number

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


def words_of(number: NumberFormat) -> Words:
    """Every word of a format, or many of a wide one."""
    if number.bits <= EXHAUSTIVE_BITS:
        return np.arange(1 << number.bits, dtype=np.uint64)
    random = np.random.default_rng(1)
    words = random.integers(0, 1 << 64, NUM_WORDS, dtype=np.uint64, endpoint=False)
    return words >> np.uint64(64 - number.bits)


def values_of(number: NumberFormat) -> NDArray[np.generic]:
    """The values of :func:`words_of` that belong to the format."""
    values = number.decode(words_of(number))
    return values[number.allowed(values)]


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
