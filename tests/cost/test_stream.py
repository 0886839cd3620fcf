from __future__ import annotations

import pytest

from netwright.arch import find
from netwright.cost import estimate_network, price, stream
from netwright.mapping.binding import undone
from netwright.workload import Builder

MACHINE = find("fusemax")


def attention(tokens: int = 64, features: int = 128):
    b = Builder("net", bits=16)
    return b.finish(b.attention(b.input((1, tokens, features)), 2))


def step(name: str):
    return next(einsum for einsum in attention().einsums if einsum.name.endswith(name))


def test_operators_take_the_cycles_of_a_unit_that_does_them():
    counts = stream.count(attention(), step("softmax.exp"), MACHINE)
    # 2 heads of 64 x 64 scores on 65536 elements: one round of a subtraction and an exponential
    assert counts.steps == ({"square_elements": 1 + 6},)
    assert counts.amount("square_elements", "compute") == 2 * 2 * 64 * 64
    operators = {action.operator for action in counts.actions if action.kind == "compute"}
    assert operators == {"subtract", "exp"}
    assert price(counts, MACHINE).joules_by["square_elements"] == pytest.approx(
        8192 * (8.3395e-12 + 102.987e-12)
    )


def test_given_unit_does_it():
    counts = stream.count(attention(), step("softmax.exp"), MACHINE, compute="row_elements")
    assert counts.steps == ({"row_elements": 32 * 7},)


def test_only_one_of_two_units_divides():
    counts = stream.count(attention(), step("softmax"), MACHINE)
    assert set(counts.steps[0]) == {"row_elements"}


def test_operators_that_no_unit_does_are_told():
    found = estimate_network(attention(4, 8), find("tpu"))
    line = "no unit does add, divide, exp, max, subtract (mac does mac): they take the time and"
    assert [text for text in found.total.assumptions if text.startswith("no unit")] == [
        f"{line} energy of their bytes alone"
    ]
    assert undone(step("softmax.exp"), MACHINE) == ()


def test_whole_attention_is_mapped_on_two_units():
    found = estimate_network(attention(4, 8), MACHINE, goal="latency", time_limit_s=0.5)
    assert found.coverage.is_whole
    units = {found.mapping.bindings[e.name] for e in attention(4, 8).einsums}
    assert units == {"square_elements", "row_elements"}
