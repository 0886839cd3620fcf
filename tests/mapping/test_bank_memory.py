from __future__ import annotations

import numpy as np
import pytest

from netwright import arch
from netwright.errors import MappingError
from netwright.mapping.bank_columns import places, rows_of
from netwright.mapping.bank_memory import BITS, BankMemory
from netwright.mapping.layout import Layout, Product

DRAM = arch.find("gddr6-aim").memory("banks").dram
RANDOM = np.random.default_rng(0)


def layouts() -> list[tuple[Layout, Product]]:
    heads, long = Product(3, 20, 37, 1), Product(1, 2100, 300, 1)
    return [
        (Layout("t", "banks", 5, 9, 3, 1, 3, "banks", 20, length=20, shared=3), heads),
        (Layout("t", "banks", 5, 9, 1, 3, 3, "channels", 32, packed=False, length=32), heads),
        (Layout("t", "banks", 5, 9, 3, 1, 3, "banks", 20, summed_along_rows=False, length=20,
                shared=3), heads),
        (Layout("t", "banks", 5, 9, 1, 3, 8, "banks", 1024, dealt=False, length=2100), long),
    ]  # fmt: skip


@pytest.mark.parametrize(("layout", "product"), layouts())
def test_every_word_lies_where_the_layout_says_and_comes_back(
    layout: Layout, product: Product
) -> None:
    rows = layout.first_row + rows_of(layout, product, DRAM, BITS)
    memory = BankMemory.of(DRAM, rows)
    shape = (product.groups, product.outputs, product.length)
    vectors = RANDOM.integers(1, 1 << 16, shape).astype(np.uint16)
    memory.write(layout, product, vectors)
    assert np.array_equal(memory.read(layout, product), vectors)
    group, output, element = (axis.ravel() for axis in np.indices(shape))
    chosen = RANDOM.integers(0, vectors.size, 200)
    at = places(layout, product, DRAM, BITS, group[chosen], output[chosen], element[chosen])
    assert np.array_equal(memory.words[tuple(at.T)], vectors.ravel()[chosen])
    assert np.count_nonzero(memory.words) == vectors.size
    assert not memory.words[:, :, : layout.first_row].any()


def test_more_rows_than_banks_have_are_refused() -> None:
    with pytest.raises(MappingError, match="16385 rows are used, banks have 16384"):
        BankMemory.of(DRAM, 16385)
