from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright import solvers
from netwright.errors import NumericsError
from netwright.solvers import Program, Row, quiet, rounded_up

pytest.importorskip("ortools", reason="CP-SAT checks the bounds")
pytest.importorskip("scipy", reason="HiGHS solves the programs")

numbers = st.integers(-9, 9)


@st.composite
def programs(draw):
    count = draw(st.integers(1, 5))
    rows = tuple(
        Row(dict(enumerate(draw(st.lists(numbers, min_size=count, max_size=count)))),
            low=draw(st.none() | numbers), high=draw(st.none() | numbers))
        for _ in range(draw(st.integers(1, 3)))
    )  # fmt: skip
    return Program(tuple(draw(st.lists(numbers, min_size=count, max_size=count))), rows)


def best(program):
    """By trying everything."""
    columns = range(len(program.costs))
    choices = (
        frozenset(chosen)
        for size in range(len(columns) + 1)
        for chosen in itertools.combinations(columns, size)
    )
    return min((program.value(c) for c in choices if program.holds(c)), default=None)


@given(programs())
@settings(max_examples=40, deadline=None)
def test_answers_equal_trying_everything(program):
    least = best(program)
    found = program.solve(purpose="a test", time_limit_s=10)
    if least is None:
        assert found.chosen is None
        assert program.has_none_below(10**6) is True
        return
    assert found.value == found.bound == least
    assert program.has_none_below(least) is True
    assert program.has_none_below(least + 1) is False


class _Liar:
    """A solver that claims what is not so."""

    def __init__(self, bound, chosen):
        self.mip_dual_bound, self.x = bound, chosen


def claiming(monkeypatch, bound, chosen):
    from scipy import optimize

    monkeypatch.setattr(optimize, "milp", lambda *_, **__: _Liar(bound, chosen))


def test_bound_above_the_own_choice_is_refused(monkeypatch):
    claiming(monkeypatch, 5.0, [1.0, 0.0])
    with pytest.raises(NumericsError, match="bound, 5, is above the value of its own choice, 3"):
        Program((3, 4), (Row({0: 1, 1: 1}, low=1),)).solve(purpose="a test", time_limit_s=1)


def test_choice_that_breaks_a_row_in_integers_is_not_taken(monkeypatch):
    """One unit in a million is within a solver's tolerance."""
    claiming(monkeypatch, 1.0, [1.0, 0.0])
    row = Row({0: 1_000_001, 1: 1}, high=1_000_000)
    found = Program((1, 1), (row,)).solve(purpose="a test", time_limit_s=1)
    assert (found.chosen, found.bound) == (None, 1)


def test_bounds_are_rounded_to_the_safe_side():
    assert rounded_up(1e12 + 0.4, default=0) <= 10**12
    assert rounded_up(float("-inf"), default=3) == rounded_up(None, default=3) == 3


def test_nothing_is_known_after_the_time_limit(monkeypatch):
    class Unknown:
        def __init__(self, *_, **__):
            pass

    monkeypatch.setattr(solvers, "run_cp_sat", lambda *_, **__: (Unknown(), object()))
    assert Program((3, 4), (Row({0: 1, 1: 1}, low=1),)).has_none_below(3) is None


def test_what_a_library_prints_from_c_reaches_nobody():
    code = (
        "import ctypes; from netwright.solvers import quiet\n"
        "print('before')\n"
        "with quiet():\n"
        "    ctypes.CDLL(None).puts(b'noise'); print('own words', flush=True)\n"
        "print('after')\n"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.splitlines() == ["before", "after"]


def test_quiet_works_without_standard_output():
    code = (
        "import os, sys; os.close(1)\n"
        "from netwright.solvers import quiet\n"
        "with quiet(): pass\n"
        "sys.stderr.write('done')\n"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stderr == "done"


def test_errors_pass_through():
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
