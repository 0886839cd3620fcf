from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from netwright.workload import cascade
from netwright.workload.cycles import is_earlier, strongly_connected


@settings(max_examples=50)
@given(st.integers(1, 9).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=4), min_size=n, max_size=n)
))  # fmt: skip
def test_components_equal_those_of_another_library(reads):
    groups = strongly_connected(reads)
    matrix = np.zeros((len(reads), len(reads)), int)
    for node, edges in enumerate(reads):
        matrix[node, edges] = 1
    number, labels = connected_components(csr_array(matrix), connection="strong")
    expected = {frozenset(np.flatnonzero(labels == label)) for label in range(number)}
    assert {frozenset(group) for group in groups} == expected
    place = {node: index for index, group in enumerate(groups) for node in group}
    assert all(place[other] <= place[node] for node, edges in enumerate(reads) for other in edges)


def test_reads_of_an_earlier_point():
    workload = cascade.find("attention_1pass")
    einsums = {einsum.name: einsum for einsum in workload.einsums}
    before, after = einsums["PRM"].inputs
    assert is_earlier(before, einsums["RM"])
    assert not is_earlier(after, einsums["RM"])
    assert not is_earlier(einsums["AV"].inputs[0], einsums["RNV"])
