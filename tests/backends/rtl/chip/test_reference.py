import numpy as np
import pytest

from netwright.backends.rtl import ChipOptions
from netwright.backends.rtl.chip import WeightImage
from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.check import random_charges
from netwright.backends.rtl.chip.reference import ChipReference, empty_image
from netwright.backends.rtl.chip.structure import Structure
from netwright.errors import DataError
from netwright.formats import shared_exponent, smallest_int
from netwright.ir import Interpreter, bounds
from tests.backends.rtl.chip.graphs import encoder

GRAPH = encoder()
REFERENCE = ChipReference(Structure.of(GRAPH, ChipOptions()), GRAPH)


def test_codes_are_those_of_the_graph_on_normalized_charges() -> None:
    charges = random_charges(40, 16, 22)
    codes, exponents = REFERENCE.codes(charges)
    normalized, expected = shared_exponent(charges, 8)
    values = normalized.reshape(-1, 1, 4, 4) / 128
    (output,) = Interpreter.of(GRAPH).run(values).values()
    assert np.array_equal(codes, output)
    assert np.array_equal(exponents, expected)
    assert len(np.unique(codes)) > 20


def test_an_arrangement_moves_charges() -> None:
    order = tuple(reversed(range(16)))
    moved = ChipReference(Structure.of(GRAPH, ChipOptions(arrangement=order)), GRAPH)
    charges = random_charges(10, 16, 22)
    assert np.array_equal(moved.codes(charges)[0], REFERENCE.codes(charges[:, ::-1])[0])
    empty = ChipReference(Structure.of(GRAPH, ChipOptions(arrangement=(0,) + (-1,) * 15)), GRAPH)
    padded = np.zeros((1, 16), dtype=np.int64)
    padded[0, 0] = 77
    assert np.array_equal(empty.codes(np.array([[77]]))[0], REFERENCE.codes(padded)[0])


def test_charges_that_cannot_enter_are_refused() -> None:
    with pytest.raises(DataError, match="the charge of cell 0 in wafer 0 is -1"):
        REFERENCE.words(np.full((1, 16), -1), mode=0)


def test_no_wafers_give_no_words() -> None:
    assert len(REFERENCE.words(np.zeros((0, 16), dtype=np.int64), mode=0)) == 0


def test_an_empty_bank_holds_zeros() -> None:
    image = empty_image(REFERENCE.structure.bank)
    assert image.mode == 0
    assert not any(values.any() for values in image.values(REFERENCE.structure.bank).values())


def test_sums_of_loaded_weights_do_not_wrap_in_the_formats_of_the_first_ones() -> None:
    small = GRAPH
    for name in ("c0", "c2"):
        small = small.with_constant(name, np.sign(small.constants[name]))
    for name, limit in bounds(small).items():
        if name in small.producers and small.producers[name].op in ("Conv", "MatMul"):
            small = small.with_type(
                name, small.types[name].with_number(smallest_int(limit.low, limit.high))
            )
    bank = Bank.of(small, (3, 5, 7, 9))
    loaded = WeightImage.of(bank, GRAPH, mode=3).graph(bank, small)
    charges = random_charges(60, 16, 22)
    narrow = ChipReference(REFERENCE.structure, loaded)
    assert np.array_equal(narrow.codes(charges)[0], REFERENCE.codes(charges)[0])
