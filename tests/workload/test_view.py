"""Chains of reshapes, transpositions, repetitions and cuts against NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.workload.view import View


def seen(view, array):
    """The elements that a view shows, one by one."""
    result = np.empty(view.shape, array.dtype)
    for place in np.ndindex(*view.shape):
        values = {}
        for axis, number in zip(view.axes, place, strict=True):
            for digit in reversed(axis):
                number, values[digit.name] = divmod(number, digit.extent)
        at = tuple(sum(values[n] * f for n, f in i.terms) + i.offset for i in view.index)
        assert all(0 <= i < e for i, e in zip(at, array.shape, strict=True))
        result[place] = array[at]
    return result


def divided(draw, total, rank):
    """An extent for each of so many axes."""
    shape = []
    for _ in range(rank - 1):
        shape.append(draw(st.sampled_from([x for x in range(1, total + 1) if total % x == 0])))
        total //= shape[-1]
    return (*shape, total)


def changed(draw, view, array):
    """One random change; ``None`` where it is no view."""
    op = draw(st.sampled_from(["reshape", "permute", "expand", "cut", "repeat"]))
    if op == "reshape":
        shape = divided(draw, array.size, draw(st.integers(1, 4)))
        return view.reshaped(shape), array.reshape(shape)
    if op == "permute":
        order = draw(st.permutations(range(array.ndim)))
        return view.permuted(order), array.transpose(order)
    if op == "expand":
        shape = tuple(draw(st.sampled_from([1, 2])) if e == 1 else e for e in array.shape)
        shape = (*draw(st.lists(st.sampled_from([1, 2]), max_size=1)), *shape)
        return view.expanded(shape), np.broadcast_to(array, shape)
    axis = draw(st.integers(0, array.ndim - 1))
    if op == "repeat":
        times = draw(st.integers(1, 2))
        return view.repeated(axis, times), np.concatenate([array] * times, axis=axis)
    extent = array.shape[axis]
    start, step = draw(st.integers(0, extent - 1)), draw(st.integers(1, 2))
    num = draw(st.integers(1, (extent - start - 1) // step + 1))
    kept = [start + step * i for i in range(num)]
    return view.cut(axis, start, num, step), np.take(array, kept, axis=axis)


@st.composite
def chains(draw):
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=3)))
    array = np.arange(np.prod(shape)).reshape(shape)
    view, result = View.of("x", shape), array
    for _ in range(draw(st.integers(0, 4))):
        if result.size > 300:
            break
        new, values = changed(draw, view, result)
        view, result = (view, result) if new is None else (new, values)
    return array, view, result


@settings(max_examples=50, deadline=None)
@given(chains())
def test_view_shows_what_numpy_shows(chain):
    array, view, result = chain
    assert view.shape == result.shape
    assert (seen(view, array) == result).all()
    every = sorted(result.ravel()) == list(range(array.size))
    assert every or not view.is_bijective
    if view.is_bijective:
        assert (seen(view.inverse("y"), result) == array).all()
    in_order = result.size == array.size and (result.ravel() == array.ravel()).all()
    assert view.keeps_order == in_order
    if view.is_identity:
        assert result.shape == array.shape
        assert (result == array).all()


def test_borders_that_do_not_divide_are_no_view():
    assert View.of("x", (4, 6)).reshaped((8, 3)) is not None
    assert View.of("x", (4, 6)).reshaped((3, 8)) is None
    assert View.of("x", (4, 6)).permuted((1, 0)).reshaped((24,)) is not None


def test_equal_views_have_equal_forms():
    one = View.of("x", (2, 6)).reshaped((2, 3, 2)).reshaped((2, 6)).permuted((1, 0))
    other = View.of("x", (2, 6)).permuted((1, 0))
    assert one.axes != other.axes
    assert one.shape == other.shape
    assert View.of("x", (2, 6)).permuted((1, 0)).form == other.form


def test_every_order_of_elements_is_told_apart():
    view = View.of("x", (2, 3))
    assert view.keeps_order
    assert not view.permuted((1, 0)).keeps_order
    assert view.permuted((1, 0)).is_bijective
