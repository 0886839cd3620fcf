from __future__ import annotations

import numpy as np
import pytest

from netwright import backends
from netwright.ir import interpret
from netwright.studies.nasaic_cycles import LAYERS, _convolution, _ranked


def test_ranks_of_equal_values_are_shared():
    assert _ranked([3, 1, 7], [30, 10, 31], "").ours.value == pytest.approx(1)
    # Ranks 0, 1.5, 1.5, 3 beside 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
    assert _ranked([1, 2, 2, 3], [1, 2, 3, 4], "").ours.value == pytest.approx(0.9**0.5)


def test_layers_are_the_convolutions_that_they_say(tmp_path):
    assert len(set(LAYERS)) >= 20
    channels, features, side, taps, reuse = LAYERS[4]
    graph = _convolution(channels, features, side, taps)
    x = np.zeros((1, channels, side, side))
    x[0, 0, 2, 2] = 0.125  # one code of 1 in the middle gives the filter, turned round
    codes = interpret(graph, {"x": x})["y"]
    assert (codes[0] == graph.constants["weights"][:, 0, ::-1, ::-1]).all()
    design = backends.rtl(reuse_factor=reuse).generate(graph, tmp_path / "out")
    assert isinstance(design, backends.StreamDesign)
    assert design.interval_cycles >= max((side - taps + 1) ** 2 * reuse, side**2)
