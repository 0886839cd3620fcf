from __future__ import annotations

import numpy as np
import pytest

from netwright import arch
from netwright.compress import bits_in_banks, next_token_bits
from netwright.errors import DataError, Infeasible
from netwright.ir import HostArithmetic, interpret
from netwright.mapping import BankRun, bank_arithmetic

torch = pytest.importorskip("torch")
from netwright.models import Decoder, DecoderShape, NextTokenBits  # noqa: E402
from netwright.train import trace  # noqa: E402

MACHINE = arch.find("gddr6-aim")
SHAPE = DecoderShape(50, 32, layers=2, heads=4, groups=2, hidden=48, head_features=8)
WORDS = np.random.default_rng(0).integers(0, 50, (3, 8))


def model() -> NextTokenBits:
    torch.manual_seed(0)
    return NextTokenBits(Decoder(SHAPE).eval())


def test_rows_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bits_in_banks(model(), WORDS, MACHINE)
    monkeypatch.setattr("netwright.compress.bank_decoder.TOGETHER", 16)
    assert np.array_equal(bits_in_banks(model(), WORDS, MACHINE), whole)
    assert bits_in_banks(model(), WORDS[:0], MACHINE).shape == (0, 7)


def test_bits_are_near_those_of_float32_and_nearer_with_more_terms() -> None:
    decoder = model()
    with torch.no_grad():
        wanted = decoder(torch.from_numpy(WORDS)).numpy()
    found = bits_in_banks(decoder, WORDS, MACHINE)
    np.testing.assert_allclose(found, wanted, rtol=0.02, atol=0.1)
    few = bank_arithmetic(MACHINE, host=HostArithmetic(2, 2, 1, 1))
    rough = bits_in_banks(decoder, WORDS, MACHINE, arithmetic=few)
    assert 0 < np.abs(found - wanted).mean() < np.abs(rough - wanted).mean()


class Gpt(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = torch.nn.Embedding(50, 16), torch.nn.Embedding(5, 16)
        self.layer = torch.nn.TransformerEncoderLayer(
            16, 2, 32, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = torch.nn.Linear(16, 50)
        self.register_buffer("mask", torch.ones(5, 5, dtype=torch.bool).triu(1))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        values = self.words(words) + self.places.weight
        return self.head(self.layer(values, src_mask=self.mask))


def test_a_traced_network_with_biases_and_layer_norms_runs_through_the_banks() -> None:
    torch.manual_seed(0)
    words = WORDS[:, :5].astype(np.float64)
    graph = bank_arithmetic(MACHINE)(trace(Gpt().eval(), words))
    run = BankRun.of(graph, MACHINE)
    assert {"BankMatMul", "BankAttention", "ApproximateFunction"} <= {n.op for n in graph.nodes}
    (found,), (wanted,) = run.run(words).values(), interpret(graph, words).values()
    assert np.array_equal(found, wanted)


def test_bits_of_logits_are_those_of_their_softmax() -> None:
    logits = np.random.default_rng(1).normal(size=(2, 3, 7)).astype(np.float32)
    following = np.random.default_rng(2).integers(0, 7, (2, 3))
    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(axis=-1, keepdims=True)
    wanted = -np.log2(np.take_along_axis(shares, following[..., None], axis=-1)[..., 0])
    np.testing.assert_allclose(next_token_bits(logits, following), wanted)


def test_tokens_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match=r"tokens must be whole numbers \(rows, 2 or more\)"):
        bits_in_banks(model(), WORDS[:, :1], MACHINE)
    with pytest.raises(DataError, match="not float64 of"):
        bits_in_banks(model(), WORDS.astype(float), MACHINE)


def test_a_decoder_that_does_not_fit_is_refused_with_the_size_that_would_do() -> None:
    memory = MACHINE.memory("banks")
    small = memory.model_copy(update={"dram": memory.dram.model_copy(update={"rows": 3})})
    nodes = tuple(small if node.name == "banks" else node for node in MACHINE.nodes)
    machine = MACHINE.model_copy(update={"nodes": nodes})
    with pytest.raises(Infeasible, match="rows of each bank"):
        bits_in_banks(model(), WORDS, machine)
