from __future__ import annotations

import numpy as np
import pytest

from netwright.backends import open_design
from netwright.backends.cpu import cpu
from netwright.backends.cpu.design import WEIGHTS
from netwright.errors import CorruptOutput
from netwright.files import write_npz
from netwright.reading import read_arrays
from tests.backends.cpu.transformers import block, rows_of


@pytest.fixture
def design(tmp_path):
    return cpu().generate(block(codes=True), tmp_path / "d")


def test_the_folder_alone_is_enough(design, tmp_path) -> None:
    rows = rows_of(design.graph, 3)
    moved = tmp_path / "elsewhere"
    wanted = design.build().run(rows)
    design.root.rename(moved)
    found = open_design(moved)
    assert found.executed_as == "CPU engine"
    assert found.capabilities == {"build"}
    for name, values in wanted.items():
        np.testing.assert_array_equal(found.run(rows)[name], values)


def test_changed_weights_are_not_executed(design) -> None:
    path = design.root / WEIGHTS
    arrays = read_arrays(path)
    name = next(key for key in arrays if key.endswith("/values"))
    write_npz(path, {**arrays, name: -arrays[name]})
    for action in (lambda: design.run(rows_of(design.graph, 1)), open_design(design.root).build):
        with pytest.raises(CorruptOutput, match=r"weights\.npz"):
            action()


def test_missing_weights_are_named(design) -> None:
    (design.root / WEIGHTS).unlink()
    with pytest.raises(CorruptOutput, match=r"weights\.npz"):
        open_design(design.root).run(rows_of(design.graph, 1))
