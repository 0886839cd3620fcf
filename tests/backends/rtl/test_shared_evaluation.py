from pathlib import Path

import pytest

from netwright.backends.rtl.shared_evaluation import evaluate
from netwright.errors import ConfigError
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.shared.graphs import tiny
from tests.backends.rtl.shared.test_layers import encoder


def test_figures_without_mapping() -> None:
    build = encoder()
    figures = evaluate(build.graph(build.nodes[-1].output), 8, 2, 2)
    assert (figures.macs, figures.cycles, figures.multipliers) == (23_616, 937, 32)
    assert figures.utilization == pytest.approx(23_616 / (937 * 32))
    assert (figures.lut, figures.lut_per_multiplier, figures.latency_us) == (None, None, None)
    wider = evaluate(build.graph(build.nodes[-1].output), 8, 2, 4)
    assert wider.cycles < figures.cycles


def test_sizes_are_checked() -> None:
    with pytest.raises(ConfigError, match="lanes must be from 1 to 64, not 0"):
        evaluate(tiny(), 0, 1, 1)


@pytest.mark.slow
@needs_yosys
@pytest.mark.parametrize("dsp", [False, True])
def test_figures_after_mapping(dsp: bool, tmp_path: Path) -> None:
    """Products take lookup tables, or multipliers of the part."""
    part = "ecp5-85k-dsp" if dsp else "ecp5-85k"
    figures = evaluate(tiny(), 2, 1, 1, folder=tmp_path / "out", part=part, dsp=dsp)
    assert figures.lut is not None
    assert figures.lut_per_multiplier == figures.lut.value / 2
    assert (figures.dsp or 0) >= (2 if dsp else 0)
    assert bool(figures.dsp) == dsp
