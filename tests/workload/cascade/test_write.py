from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.workload import NETWORKS, Access, Affine, Einsum, Rank, Tensor, Workload
from netwright.workload.cascade import find, parse, published, write
from tests.workload.cascade.random_cascades import random_text


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_text_of_random_cascades_is_read_back(seed, partitioned):
    workload = parse(random_text(seed, partitioned=partitioned))
    assert parse(write(workload)) == workload


@pytest.mark.parametrize("name", published())
def test_text_of_published_cascades_is_read_back(name):
    assert parse(write(find(name))) == find(name)


def test_numbers_keep_their_values():
    text = "rank m = 4\ninput X[m]\nA[m] = X[m] * 0.1 * -3\nB[m] = max(A[m], -inf, 1e-300)\n"
    workload = parse(text)
    assert workload.einsums[1].constants == (-float("inf"), 1e-300)
    assert parse(write(workload)) == workload


def test_what_has_no_text_is_refused():
    with pytest.raises(GraphError, match=r"rank \w+ has extent \d+ here, and \d+ elsewhere"):
        write(NETWORKS["resnet18"]())
    axis = (Affine((("m", 1),)),)
    odd = Einsum("e", (Rank("m", 2),), Access("os.system('x')", axis), (Access("a", axis),), "copy")
    tensors = (Tensor("a", (2,), kind="input"), Tensor("os.system('x')", (2,)))
    with pytest.raises(GraphError, match="is no name in the text of a cascade"):
        write(Workload("w", tensors, (odd,), ("os.system('x')",)))
