from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.mapping import operation
from netwright.mapping.layout import Product, product_of
from netwright.workload import NETWORKS
from netwright.workload.builder import Builder


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
