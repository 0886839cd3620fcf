from __future__ import annotations

from itertools import product

import pytest

from netwright.studies import nasaic_enumeration as enumeration
from netwright.studies.nasaic_runs import objective, specification
from netwright.studies.nasaic_spaces import choices, space

NAME = "classes and digits"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four networks in each place, and halves of one size: what can be tried point by point."""
    fixed = {f"{name}_{place}": value for place in (0, 1)
             for name, value in (("elements", 256), ("port", 8e9))}  # fmt: skip
    monkeypatch.setattr(enumeration, "space", lambda name, own: space(name, own, fixed))
    monkeypatch.setattr(enumeration, "choices", lambda family: list(choices(family))[1::8])
    enumeration.best_point.cache_clear()
    enumeration._whole.cache_clear()
    yield
    enumeration.best_point.cache_clear()
    enumeration._whole.cache_clear()


@pytest.mark.usefixtures("few")
def test_the_best_point_is_that_of_trying_all_points():
    whole, found = enumeration._whole(NAME), {}
    assert len(whole.chips) == 6  # three templates, of nine pairs three are mirrored
    for level in ("loose", "tight"):
        own = specification(NAME, level)
        chip, varied = objective(NAME, own.limits[0]), space(NAME, own)
        known = []
        for *nets, (number, half) in product(*whole.networks, enumerate(whole.chips)):
            settings = varied.settings({**nets[0].point, **nets[1].point, **half})
            verdict = chip.judge(settings)
            bound = [net.joules[number] for net in nets]
            assert sum(bound) <= verdict.joules * (1 + enumeration.SLACK)
            assert max(n.way_s[number] for n in nets) <= verdict.seconds * (1 + enumeration.SLACK)
            assert whole.areas_m2[number] == pytest.approx(verdict.area_m2)
            values = {name: getattr(verdict, name) for name in ("seconds", "joules", "area_m2")}
            if own.is_met(values):
                known.append(chip.scores_of(chip.seen(settings)[0])["validation"])
        best = enumeration.best_point(NAME, level)
        found[level] = best and best.values["validation"]
        assert found[level] == (pytest.approx(max(known)) if known else None)
        assert best is None or (best.is_proven and own.is_met(best.values))
    assert found["loose"] is not None
    assert found["loose"] != found["tight"]  # else no level leaves a network out
