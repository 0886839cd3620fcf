from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload
from netwright.workload.touched import bytes_touched, num_touched

STEPS = st.integers(-5, 5).filter(bool)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=3, max_size=3), st.lists(STEPS, min_size=3, max_size=3),
    st.integers(-4, 8), st.integers(1, 12), st.integers(1, 7),
)  # fmt: skip
def test_every_element_is_counted_once(extents, steps, offset, rows, columns):
    ranks = tuple(Rank(name, extent) for name, extent in zip("abc", extents, strict=True))
    one = Affine((("a", steps[0]), ("b", steps[1])), offset)
    access = Access("x", (one, Affine((("c", steps[2]),))))
    einsum = Einsum("e", ranks, Access("y", (Affine(()),)), (access,), "copy")
    found = {
        (offset + steps[0] * a + steps[1] * b, steps[2] * c) for a, b, c in np.ndindex(*extents)
    }
    inside = {(i, j) for i, j in found if 0 <= i < rows and 0 <= j < columns}
    whole = not any(index.terms or index.offset for index in access.index)
    assert num_touched(einsum, access, (rows, columns)) == (
        rows * columns if whole else len(inside)
    )


def test_bytes_of_a_lookup_and_of_what_is_read_whole():
    ranks = (Rank("i", 3), Rank("f", 4))
    plain = [Affine(((rank.name, 1),)) for rank in ranks]
    table, places = Access("t", tuple(plain)), Access("at", (plain[0],))
    step = Einsum("e", ranks, Access("y", tuple(plain)), (table, places), "lookup")
    tensors = (
        Tensor("t", (100, 4), kind="weight"), Tensor("at", (3,), kind="input"), Tensor("y", (3, 4)),
    )  # fmt: skip
    workload = Workload("w", tensors, (step,), ("y",))
    assert [bytes_touched(workload, step, name) for name in ("t", "at", "y")] == [12, 3, 12]
