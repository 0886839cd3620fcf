from __future__ import annotations

import pytest

from netwright import compress
from netwright.compress import by_pattern
from netwright.errors import ConfigError
from tests.networks import Residual, seeded


def test_the_last_pattern_that_matches_wins() -> None:
    shapes = compress.layer_shapes(seeded(Residual), Residual.shape)
    plan = by_pattern(shapes, {"*": 6, "blocks.*": (4, 5), "blocks.?.conv1": 3, "head": (8, 8)})
    assert {layer.name: (layer.weight_bits, layer.input_bits) for layer in plan.layers} == {
        "stem": (6, 6), "blocks.0.conv1": (3, 3), "blocks.0.conv2": (4, 5),
        "blocks.1.conv1": (3, 3), "blocks.1.conv2": (4, 5), "blocks.1.short.0": (4, 5),
        "head": (8, 8),
    }  # fmt: skip
    made = compress.build(seeded(Residual), plan, input_shape=Residual.shape)
    assert made.quant_layers()["blocks.1.conv1"].weight_quantizer.spec.dtype.bits == 3


def test_patterns_and_layers_without_a_match_are_all_named() -> None:
    shapes = compress.layer_shapes(seeded(Residual), Residual.shape)
    with pytest.raises(ConfigError) as caught:
        by_pattern(shapes, {"stem": 4, "block.*": 4, "head": 4, "blocks.*.conv?": 4})
    assert str(caught.value) == (
        'the pattern "block.*" matches no layer; no pattern matches the layer "blocks.1.short.0"\n'
        "hint: layers: stem, blocks.0.conv1, blocks.0.conv2, blocks.1.conv1, blocks.1.conv2, "
        "blocks.1.short.0, head"
    )
    with pytest.raises(ConfigError, match='layer "stem": weight_bits must be an integer from 2'):
        by_pattern(shapes[:1], {"*": 1})
