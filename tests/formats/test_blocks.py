"""Patterns of zeros: what has them, and what they survive."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import DataError, GraphError, NumericsError
from netwright.formats import Blocks
from netwright.ir import Graph, Node, TensorType, check, load, save


@given(
    seed=st.integers(0, 999),
    rows=st.sampled_from((1, 2, 4)),
    axis=st.integers(0, 2),
    density=st.sampled_from((0.0, 0.2, 0.5, 1.0)),
)
def test_fault_counts_the_blocks_that_are_not_zero(
    seed: int, rows: int, axis: int, density: float
) -> None:
    random = np.random.default_rng(seed)
    shape = [3, 5, 2]
    shape[axis] = 4 * rows
    values = random.integers(-1, 2, shape) * (random.random(shape) < 0.2)
    moved = np.moveaxis(values, axis, 0)
    present = {(i // rows, *rest) for i, *rest in np.argwhere(moved).tolist()}
    num_blocks = values.size // rows
    fault = Blocks(rows, axis, density).fault(values)
    assert (fault == "") == (len(present) <= density * num_blocks)
    assert Blocks(rows, axis, len(present) / num_blocks).fault(values) == ""


def test_fault_names_the_first_block_too_many() -> None:
    values = np.zeros((8, 3))
    values[1, 0] = values[4, 2] = values[7, 1] = 1
    assert Blocks(4, density=1 / 6).fault(values) == (
        "3 of 6 blocks are not zero, Blocks(4x1) allows 1; the first too many begins at (4, 1)"
    )
    assert Blocks(4, axis=1).fault(values) == "Blocks(4x1) must divide axis 1, which has extent 3"
    message = "the axis of Blocks(4x1) must be from 0 to 1, not 2"
    assert Blocks(4, axis=2).fault(values) == message


@pytest.mark.parametrize(
    ("rows", "density", "message"),
    [
        (0, 0.5, "block rows must be from 1 to 1024, not 0"),
        (4, 1.5, "block density must be from 0 to 1, not 1.5"),
        (4, float("nan"), "block density must be from 0 to 1, not nan"),
    ],
)
def test_pattern_without_meaning_is_refused(rows: int, density: float, message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}$"):
        Blocks(rows, density=density)


def layer(pattern: Blocks | None, **types: TensorType) -> Graph:
    weights = np.zeros((3, 8))
    weights[0, 0] = weights[2, 5] = 1.0
    return Graph(
        name="layer",
        inputs=("x",),
        outputs=("y",),
        nodes=(Node("dense", "MatMul", ("x", "w"), "y"),),
        types={
            "x": TensorType((1, 3)),
            "w": TensorType((3, 8), pattern=pattern),
            "y": TensorType((1, 8)),
            **types,
        },
        constants={"w": weights},
    )


def test_graph_with_a_pattern_its_constant_lacks_is_refused() -> None:
    check(layer(Blocks(4, axis=1, density=1 / 3)))
    message = (
        'constant "w": 2 of 6 blocks are not zero, Blocks(4x1) allows 1; '
        "the first too many begins at (2, 4)"
    )
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(layer(Blocks(4, axis=1, density=0.2)))
    output = TensorType((1, 8), pattern=Blocks(4, axis=1))
    message = 'tensor "y" has the pattern Blocks(4x1), but is no constant'
    with pytest.raises(GraphError, match=f"^{re.escape(message)}$"):
        check(layer(None, y=output))


def test_pattern_is_part_of_the_graph_and_of_its_file(tmp_path: Path) -> None:
    plain, marked = layer(None), layer(Blocks(4, axis=1, density=0.5))
    assert plain.digest != marked.digest
    assert load(save(marked, tmp_path / "g.npz")) == marked
    assert load(save(plain, tmp_path / "p.npz")) == plain
    assert str(marked.types["w"]).endswith("[3x8] Blocks(4x1)")


def test_file_with_a_pattern_without_meaning_is_refused(tmp_path: Path) -> None:
    path = save(layer(Blocks(4, axis=1, density=0.5)), tmp_path / "g.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text = arrays["graph"].tobytes().replace(b'"density": 0.5', b'"density": 7.5')
    np.savez(path, **{**arrays, "graph": np.frombuffer(text, np.uint8)})
    message = f'{path}: tensor "w": block density must be from 0 to 1, not 7.5'
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load(path)


def test_types_that_differ_in_the_pattern_are_not_equal() -> None:
    plain = TensorType((8, 1))
    assert plain != TensorType((8, 1), pattern=Blocks(4))


def test_a_density_is_a_plain_float_however_it_is_given() -> None:
    """A file says the same of it, and so do digests."""
    assert repr(Blocks(4, density=np.float64(0.5))) == repr(Blocks(4, density=0.5))
    assert repr(Blocks(4, density=1)) == repr(Blocks(4))
