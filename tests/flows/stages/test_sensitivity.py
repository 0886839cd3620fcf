from pathlib import Path

from netwright.flows.stages.common import read_sensitivity


def test_every_layer_is_measured_at_every_candidate_width(tiny_run: Path) -> None:
    layers = read_sensitivity(tiny_run / "stages/03-sensitivity")
    assert [layer.name for layer in layers] == ["fc1", "fc2"]
    assert set(layers[0].weight.perturbation) == {3, 4, 6}
    assert layers[0].weight.trace.probes == 16
