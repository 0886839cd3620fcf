from pathlib import Path

import numpy as np
import pytest

from netwright.backends import SharedDesign, SharedOptions, rtl
from netwright.ir import interpret
from netwright.verify import bit_exact, corners, random
from tests.backends.hls.graphs import stimuli
from tests.backends.rtl.graphs import needs_verilator
from tests.backends.rtl.shared.graphs import every_kind

pytestmark = [pytest.mark.tool("g++"), needs_verilator]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> SharedDesign:
    folder = tmp_path_factory.mktemp("shared")
    made = rtl(shared=SharedOptions(3, 2, 2)).generate(every_kind(), folder / "out")
    assert isinstance(made, SharedDesign)
    return made


def test_every_kind_of_layer_is_bit_exact_and_as_fast_as_predicted(design: SharedDesign) -> None:
    """Simulation compares the clocks of the first rows with the formula."""
    for stimulus in (corners(design.graph), random(design.graph, rows=100)):
        bit_exact(design.graph, design, stimulus).require()
    assert design.interval_cycles > design.cycles == design.plan.cycles


def test_gaps_and_stalls_change_nothing(design: SharedDesign) -> None:
    inputs = stimuli(design.graph, 20)
    expected = interpret(design.graph, inputs)
    for seed in (1, 2):
        found = design.with_stalls(seed=seed, gaps=0.5, stalls=0.5).run(inputs)
        assert all(np.array_equal(found[name], value) for name, value in expected.items())


def test_what_it_can_do(design: SharedDesign) -> None:
    assert design.capabilities == {"build", "measure", "route"}
    assert design.num_products == 0
    assert not design.is_loadable
    assert Path(design.root / "library" / "shared_core.v").exists()
