from __future__ import annotations

from netwright.ir.einsums.lower import Operand, pointwise, product
from netwright.workload.layout import settle
from netwright.workload.view import View


def relu(source, output, *shape):
    operands = [Operand(source, shape)], Operand(output, shape)
    return pointwise(output, *operands, "copy", unary=("relu",))


def test_tensor_is_stored_the_only_way_in_which_it_is_read():
    (fc,) = product("fc", Operand("v", (1, 12)), Operand("w", (12, 5)), Operand("y", (1, 5)))
    view = View.of("a", (1, 2, 6)).reshaped((1, 12))
    shapes = {"x": (1, 2, 6), "a": (1, 2, 6), "w": (12, 5), "y": (1, 5)}
    laid = settle([relu("x", "a", 1, 2, 6), fc], {"v": view}, shapes, ["y"])
    assert laid.shapes["v"] == (1, 12)
    assert "a" not in laid.shapes
    assert [einsum.output.tensor for einsum in laid.einsums] == ["v", "y"]
    assert laid.einsums[1].ranks == fc.ranks


def test_tensor_with_other_readers_stays():
    (fc,) = product("fc", Operand("v", (1, 12)), Operand("w", (12, 5)), Operand("y", (1, 5)))
    view = View.of("a", (1, 2, 6)).reshaped((1, 12))
    shapes = {"x": (1, 2, 6), "a": (1, 2, 6), "w": (12, 5), "y": (1, 5), "z": (1, 2, 6)}
    steps = [relu("x", "a", 1, 2, 6), fc, relu("a", "z", 1, 2, 6)]
    laid = settle(steps, {"v": view}, shapes, ["y", "z"])
    assert len(laid.einsums) == 3
    assert [rank.name for rank in laid.einsums[1].ranks] == ["M", "N", "K_1", "K_0"]


def test_output_in_another_order_is_stored_so_or_copied():
    view = View.of("a", (2, 3)).permuted((1, 0))
    shapes = {"x": (2, 3), "a": (2, 3), "z": (2, 3)}
    laid = settle([relu("x", "a", 2, 3)], {"y": view}, shapes, ["y"])
    assert [einsum.name for einsum in laid.einsums] == ["a"]
    assert laid.shapes["y"] == (3, 2)
    steps = [relu("x", "a", 2, 3), relu("a", "z", 2, 3)]
    laid = settle(steps, {"y": view}, shapes, ["y", "z"])
    assert [einsum.name for einsum in laid.einsums] == ["a", "z", "y.copy"]
    assert laid.outputs == ("y", "z")


def test_reshaped_output_is_the_tensor():
    view = View.of("a", (2, 3)).reshaped((6,))
    laid = settle([relu("x", "a", 2, 3)], {"y": view}, {"x": (2, 3), "a": (2, 3)}, ["a", "y"])
    assert laid.outputs == ("a",)
    assert len(laid.einsums) == 1
