from __future__ import annotations

import torch
from torch import nn

from netwright.train.digests import module_digest
from tests.texts import encoder


def test_a_digest_covers_weights_masks_and_rounding() -> None:
    model, name = encoder(), "encoder.layer.1.output.dense"
    found = [module_digest(model), module_digest(encoder(1))]
    linear = model.linears()[name]
    linear.mask = torch.ones_like(linear.weight, dtype=torch.bool)
    found.append(module_digest(model))
    linear.mask[0, 0] = False
    found.append(module_digest(model))
    with torch.no_grad():
        linear.weight[0, 0] += 1
    found.append(module_digest(model))
    model.set_quantized("on")
    found.append(module_digest(model))
    model.layers[0].grids["input"].high.fill_(2.0)
    found.append(module_digest(model))
    assert len(set(found)) == len(found)


def test_a_digest_covers_plain_settings_but_not_the_mode() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    before = module_digest(model)
    assert module_digest(model.eval()) == before
    model[1].p = 0.2
    assert module_digest(model) != before
