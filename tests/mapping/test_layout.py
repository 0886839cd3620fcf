from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch
from netwright.errors import GraphError
from netwright.mapping import faults, operation, place
from netwright.mapping.layout import Product, product_of
from netwright.workload import NETWORKS
from netwright.workload.builder import Builder


@pytest.fixture
def placed():
    b = Builder("dense", bits=16)
    workload = b.finish(b.linear(b.linear(b.input((1, 1, 64)), 128), 64))
    return workload, place(workload, arch.find("gddr6-aim"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensor": "x"}, 'layout of "x": there is no such tensor'),
        ({"memory": "pins"}, 'layout of "linear0.weight": there is no memory "pins" with banks'),
        ({"channels": 9}, 'layout of "linear0.weight": needs 9 channels, banks has 8'),
        (
            {"first_row": 16384},
            'layout of "linear0.weight": rows 16384 to 16384, banks have 16384',
        ),
        ({"num_rows": 0}, 'layout of "linear0.weight": 16384 bytes do not fit into its 0 rows'),
        ({"groups": 0}, "must be 1 or more"),
        ({"num_rows": 2}, 'layouts of "linear0.weight" and "linear1.weight" share rows'),
        ({"tensor": "linear1.weight"}, 'layout of "linear1.weight": there are two'),
        ({"per_bank": 1 << 40}, "more than elements"),
    ],
)
def test_impossible_layouts_are_named(placed, changes, message):
    workload, mapping = placed
    first, *rest = mapping.layouts
    wrong = replace(mapping, layouts=(replace(first, **changes), *rest))
    assert any(message in fault for fault in faults(workload, arch.find("gddr6-aim"), wrong))


def test_products_by_what_ranks_are_to_their_operands():
    workload = NETWORKS["vit_b16"]()
    by_name = {einsum.name: einsum for einsum in workload.einsums}
    scores = next(name for name in by_name if name.endswith(".scores"))
    assert product_of(operation(workload, by_name[scores])) == Product(12, 64, 197, 197)
    patches = next(name for name in by_name if name.startswith("conv"))
    assert product_of(operation(workload, by_name[patches])) == Product(1, 3 * 256, 768, 196)


def test_windows_that_overlap_are_no_product():
    b = Builder("conv")
    workload = b.finish(b.conv(b.input((1, 4, 8, 8)), 4, 3))
    with pytest.raises(GraphError, match="is no product of two matrices"):
        product_of(operation(workload, workload.einsums[0]))
