from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.workload.networks import DECODERS, decoder

PUBLISHED = {
    # parameters of GPT-2 as transformers counts them; the vectors of places are inputs here
    "gpt2_small": 124_439_808, "gpt2_medium": 354_823_168, "gpt2_large": 774_030_080,
    "gpt2_xl": 1_557_611_200,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_the_published_networks(name):
    places = 1024 * DECODERS[name].features
    assert decoder(name).num_parameters + places == PUBLISHED[name]


def test_a_token_multiplies_every_weight_and_what_is_cached():
    shape = DECODERS["gpt3_small"]
    found = decoder("gpt3_small", tokens=100)
    dense = 12 * shape.features**2
    attended = 2 * 100 * shape.features
    assert found.num_macs == shape.layers * (dense + attended) + shape.words * shape.features


def test_new_rows_are_part_of_the_caches():
    found = decoder("gpt2_small", tokens=5)
    parts = {tensor.name: tensor for tensor in found.tensors if tensor.part_of}
    assert len(parts) == 2 * 12
    for tensor in parts.values():
        assert tensor.shape == (1, 1, 768)
        assert found.by_name[tensor.part_of].shape == (1, 5, 768)
        assert tensor.name in found.outputs


def test_faulty_decoders_are_refused():
    with pytest.raises(ConfigError, match="is no decoder"):
        decoder("gpt5")
    with pytest.raises(ConfigError, match="tokens must be from 1 to 1048576, not 0"):
        decoder("gpt2_small", tokens=0)
