from pathlib import Path

from netwright.flows.stages.sweep import FRONT, POINTS


def test_front_holds_every_plan_that_was_asked_for(tiny_run: Path) -> None:
    (point,) = POINTS.validate_json((tiny_run / "stages/05-sweep" / FRONT).read_bytes())
    assert (point.kind, point.label) == ("uniform", "w4a4")
    assert point.weight_bits == (4, 4)
    assert point.input_bits == (4, 4)
    assert 0 < point.accuracies[0] < 1
