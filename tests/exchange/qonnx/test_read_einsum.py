"""Einsum as one product between moves: the values are ONNX Runtime's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from tests.exchange.onnx_files import node
from tests.exchange.qonnx.test_read_reals import FLOAT, VALUES, check_same, network


def test_products_of_two_tensors(tmp_path: Path) -> None:
    nodes = [
        node("Einsum", "x w", "a", equation="bti, nio -> btno"),
        node("Einsum", "a a", "s", equation="btno,bsno->bnts"), node("Softmax", "s", "p"),
        node("Einsum", "p a", "o", equation="bnts,bsno->btno"),
        node("Einsum", "v o", "q", equation="tno,btno->tbn"),
        node("Transpose", "q", "y", perm=[1, 2, 0]),
    ]  # fmt: skip
    constants = {"w": VALUES.reshape(2, 6, 6), "v": VALUES.reshape(4, 2, 9)[:, :, :6]}
    path = network(nodes, {"x": (FLOAT, (1, 4, 6))}, constants, tmp_path)
    check_same(path, {"x": VALUES})


REFUSED: dict[str, tuple[str, np.ndarray[Any, Any], str]] = {
    "sums over the batch": ("bti,bti->ti", VALUES[:1], "must be the first axis"),
    "a sum of one factor": ("bti,io->bt", VALUES[0].T, "one factor alone must not be summed"),
    "a trace": ("btt,bt->bt", VALUES[0], "'btt,bt->bt' is not supported"),
    "other axes": ("bti,to->bio", VALUES[0].T, "'to' are not the axes of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name: str, tmp_path: Path) -> None:
    equation, factor, reason = REFUSED[name]
    nodes = [node("Einsum", "x t", equation=equation)]
    path = network(nodes, {"x": (FLOAT, (1, 4, 6))}, {"t": factor}, tmp_path)
    with pytest.raises(GraphError, match=reason):
        read_qonnx(path, reals={})
