from __future__ import annotations

import pytest

from netwright.ir.einsums.lower import Operand, Windows, pointwise, pooling, product
from netwright.workload.widths import all_widths, guessed

SHAPES = {"x": (1, 8), "w": (8, 4), "p": (1, 4), "r": (1, 4), "q": (1, 4), "b": (4,)}
KINDS = {"x": "input", "w": "weight", "p": "activation", "r": "activation", "q": "activation",
         "b": "weight"}  # fmt: skip


def operand(name):
    return Operand(name, SHAPES[name])


def steps():
    (fc,) = product("fc", operand("x"), operand("w"), operand("p"))
    relu = pointwise("relu", [operand("p"), operand("b")], operand("r"), "add", unary=("relu",))
    quant = pointwise("quant", [operand("r")], operand("q"), "copy", unary=("quantize",))
    return [fc, relu, quant]


def test_a_quantizer_works_where_its_operand_is_made():
    widths = all_widths(steps(), KINDS, SHAPES, ["q"], {"q": 3, "x": 5})
    assert widths == {"q": 3, "x": 5, "r": 3, "p": 3}


def test_what_others_read_as_it_is_stays_real():
    assert "p" not in all_widths(steps(), KINDS, SHAPES, ["q", "p"], {"q": 3})
    more = pointwise("more", [operand("p")], Operand("z", (1, 4)), "copy", unary=("exp",))
    kinds, shapes = {**KINDS, "z": "activation"}, {**SHAPES, "z": (1, 4)}
    assert "p" not in all_widths([*steps(), more], kinds, shapes, ["q", "z"], {"q": 3})


def test_moves_and_maxima_keep_codes():
    source, made = Operand("x", (1, 2, 4, 4)), Operand("m", (1, 2, 2, 2))
    step = pooling("m", source, made, Windows((2, 2), (2, 2), (0, 0), (1, 1)))
    shapes = {"x": source.shape, "m": made.shape}
    kinds = {"x": "input", "m": "activation"}
    assert all_widths([step], kinds, shapes, ["m"], {"x": 4})["m"] == 4
    mean = pooling("m", source, made, Windows((2, 2), (2, 2), (0, 0), (1, 1)), reduce_op="add")
    assert "m" not in all_widths([mean], kinds, shapes, ["m"], {"x": 4})


@pytest.mark.parametrize(
    ("names", "total", "said"),
    [
        ([], 3, ()),
        (["a", "b"], 2, ("every element counts as 8 bits: the source says no widths",)),
        (["a"], 2, ("1 tensors without codes count as 8 bits: a",)),
        (list("abcd"), 5, ("4 tensors without codes count as 8 bits: a, b, c, ...",)),
    ],
)
def test_what_is_guessed_is_said(names, total, said):
    assert guessed(names, total, 8) == said
