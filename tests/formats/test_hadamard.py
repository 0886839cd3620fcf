import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats.hadamard import block_of, rotated


@pytest.mark.parametrize("block", [1, 2, 8, 64])
def test_a_rotation_is_its_own_inverse_and_keeps_products(block: int) -> None:
    random = np.random.default_rng(0)
    left, right = random.normal(size=(3, 64)), random.normal(size=(64, 5))
    assert np.allclose(rotated(rotated(left, block), block), left)
    turned = rotated(left, block) @ rotated(right, block, axis=0)
    assert np.allclose(turned, left @ right)


def test_it_is_the_matrix_of_sylvester() -> None:
    scipy = pytest.importorskip("scipy.linalg")
    assert np.allclose(rotated(np.eye(16), 16) * 4, scipy.hadamard(16))


def test_blocks_divide_the_extent() -> None:
    assert [block_of(n, 512) for n in (384, 1536, 6, 1 << 20)] == [128, 512, 2, 512]
    assert block_of(384, 100) == 64
    with pytest.raises(NumericsError, match="needs an even extent, not 7"):
        block_of(7, 512)
    for block in (3, 16):
        with pytest.raises(NumericsError, match="power of two that divides 8"):
            rotated(np.zeros(8), block)
