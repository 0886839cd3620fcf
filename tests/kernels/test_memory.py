"""Arrays that begin at a cache line."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.kernels.memory import CACHE_LINE, aligned_empty


@pytest.mark.parametrize("shape", [(1,), (3, 5), (0, 4), (768, 128)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_arrays_begin_at_a_cache_line(shape: tuple[int, ...], dtype: type) -> None:
    found = aligned_empty(shape, dtype)
    assert found.shape == shape
    assert found.dtype == dtype
    assert found.ctypes.data % CACHE_LINE == 0 or found.size == 0
    assert found.flags.c_contiguous
    assert found.flags.writeable
    found[...] = 7
    assert (found == 7).all()
