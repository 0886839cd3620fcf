from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from tests.report.sample import bops, document, share

from netwright.report import FrontPoint
from netwright.report.front import (
    alike,
    beaten_verdicts,
    blind_verdicts,
    front,
    pareto,
    training_of,
)


def _point(cost: float, accuracy: float, kind: str = "hawq", **more) -> FrontPoint:
    return FrontPoint(
        kind=kind, label=f"{cost}", bops=bops(cost), accuracy=share(accuracy, None), **more
    )


def test_front_is_deterministic():
    assert front(document().front) == front(document().front)


def test_front_of_one_chosen_point_without_bits_is_drawn():
    assert front([_point(9, 0.5, chosen=True)]).startswith("<svg")


def test_float_points_are_left_out_of_the_pareto_front():
    cheap = _point(5, 0.5)
    assert pareto([_point(1, 0.9, "float"), cheap]) == (cheap,)


def test_hand_made_pareto_front():
    points = [_point(3, 0.7), _point(1, 0.5), _point(2, 0.5), _point(2, 0.6), _point(4, 0.65)]
    assert [point.bops.value for point in pareto(points)] == [1, 2, 3]


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 10)), max_size=30))
def test_no_point_beats_the_pareto_front(pairs):
    points = [_point(cost, accuracy / 10) for cost, accuracy in pairs]
    edge = pareto(points)
    for point in points:
        assert any(
            other.bops.value <= point.bops.value and other.accuracy.value >= point.accuracy.value
            for other in edge
        )
    for left, right in itertools.pairwise(edge):
        assert left.bops.value < right.bops.value
        assert left.accuracy.value < right.accuracy.value


def test_points_with_less_training_are_compared_among_themselves():
    chosen = _point(5, 0.9, chosen=True, epochs=20, num_seeds=3)
    short = [_point(4, 0.6, epochs=10, num_seeds=3), _point(6, 0.7, epochs=20, num_seeds=1)]
    assert [point.had_less(chosen) for point in (chosen, *short)] == [False, True, True]
    assert alike([chosen, *short]) == tuple(short)
    assert alike([chosen]) == (chosen,)
    assert training_of(chosen) == "20 epochs, 3 seeds"
    assert training_of(_point(1, 0.5)) == ""


def test_picture_says_what_had_less_training():
    text = front(document().front)
    plain = front([point.model_copy(update={"epochs": None, "num_seeds": None})
                   for point in document().front])  # fmt: skip
    assert text != plain


def test_better_blind_choice_is_said():
    def pair(blind: float, bits: tuple[int, ...]) -> list[FrontPoint]:
        return [
            _point(5, 0.7, budget="90000", bits=(2, 2), input_bits=(4, 4)),
            _point(5, blind, "blind", budget="90000", bits=(2, 2), input_bits=bits),
        ]

    (better,) = blind_verdicts(pair(0.72, (5, 3)))
    assert "the sensitivity-blind choice is better, 72.00" in better
    (worse,) = blind_verdicts(pair(0.6, (5, 3)))
    assert "is worse, 60.00" in worse
    (same,) = blind_verdicts(pair(0.7, (4, 4)))
    assert same == "Budget 90000: both choices are the same plan."
    assert blind_verdicts(pair(0.72, (5, 3))[1:]) == []


def test_better_and_cheaper_plan_than_the_chosen_one_is_said():
    chosen = _point(5, 0.7, chosen=True)
    (said,) = beaten_verdicts([chosen, _point(4, 0.6), _point(5, 0.8, "uniform")])
    assert said.startswith(
        "5 costs no more than the chosen plan and is better on these rows, 80.00"
    )
    assert beaten_verdicts([chosen, _point(4, 0.7), _point(6, 0.9)]) == []
    less = chosen.model_copy(update={"epochs": 9, "num_seeds": 1})
    assert beaten_verdicts([less, _point(4, 0.9, epochs=1, num_seeds=1)]) == []  # not comparable
