from __future__ import annotations

import torch

from netwright.models.published_modules import Tagger, dcgan_generator


def test_generator_makes_images():
    made = dcgan_generator(latent=8, width=2).eval()(torch.zeros(1, 8, 1, 1))
    assert made.shape == (1, 3, 64, 64)


def test_tagger_scores_every_token():
    for kind in ("lstm", "gru"):
        module = Tagger(11, 4, 2, 5, kind)
        assert module(torch.zeros(2, 7, dtype=torch.int64)).shape == (2, 7, 5)
