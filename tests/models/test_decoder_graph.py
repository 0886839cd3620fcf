from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.ir import interpret

torch = pytest.importorskip("torch")
from netwright.models import Decoder, DecoderShape, decoder_graph  # noqa: E402

SHAPE = DecoderShape(40, 32, layers=2, heads=4, groups=2, hidden=48, head_features=8)


def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(SHAPE).eval()


def test_the_graph_gives_the_logits_of_the_decoder() -> None:
    model = decoder()
    words = np.random.default_rng(0).integers(0, 40, (3, 7))
    (made,) = interpret(decoder_graph(model, 7), words.astype(np.float64)).values()
    with torch.no_grad():
        wanted = model(torch.from_numpy(words))
    np.testing.assert_allclose(made, wanted.numpy(), atol=1e-4)


def test_without_logits_it_ends_with_the_features() -> None:
    model = decoder()
    words = np.random.default_rng(1).integers(0, 40, (2, 5))
    (made,) = interpret(decoder_graph(model, 5, logits=False), words.astype(np.float64)).values()
    with torch.no_grad():
        wanted = model.features(torch.from_numpy(words))
    np.testing.assert_allclose(made, wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize("tokens", [0, 1 << 17, True])
def test_rows_without_tokens_are_refused(tokens: int) -> None:
    with pytest.raises(ConfigError, match="tokens must be from 1 to 65536"):
        decoder_graph(decoder(), tokens)
