from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError
from netwright.tasks import Split
from netwright.train import Recipe
from netwright.train.batches import Rows, by_length, epoch_order, lengths, trimmed

CPU = torch.device("cpu")


def padded(*known: int, width: int = 6) -> Split:
    mask = (np.arange(width) < np.array(known)[:, None]).astype(np.int64)
    rows = np.arange(len(known))
    return Split({"ids": mask * (rows[:, None] + 1), "mask": mask}, rows)


def test_a_batch_has_the_rows_in_their_order() -> None:
    split = Split({"b": np.eye(4, dtype=np.float32), "a": np.arange(4)}, np.arange(4) * 10)
    batch = Rows(split, CPU).batch(torch.tensor([2, 0]))
    assert list(batch.arrays) == ["b", "a"]
    assert batch.arrays["a"].tolist() == [2, 0]
    assert batch.targets.tolist() == [20, 0]
    assert batch.rows is not None
    assert len(batch) == 2
    assert Rows(split, CPU, own=False).batch(torch.tensor([1])).rows is None


def test_padding_is_cut_behind_the_longest_row() -> None:
    rows = Rows(padded(1, 3, 6, 2), CPU)
    batch = rows.batch(torch.tensor([0, 1, 3]))
    assert batch.arrays["ids"].shape == batch.arrays["mask"].shape == (3, 3)
    assert batch.arrays["ids"][1].tolist() == [2, 2, 2]
    assert lengths(padded(1, 3).arrays).tolist() == [1, 3]
    assert lengths({"x": np.zeros((2, 3))}) is None
    plain = {"mask": torch.zeros(2)}
    assert trimmed(plain) is plain


def test_rows_by_length_are_all_there_once_and_alike_within_a_batch() -> None:
    known = np.random.default_rng(0).integers(2, 10, 100)
    found = by_length(known, 8, seed=3)
    assert sorted(np.concatenate(found).tolist()) == list(range(100))
    assert np.mean([np.ptp(known[rows]) for rows in found]) < 3


def test_the_order_is_drawn_from_the_generator_or_from_seed_and_epoch() -> None:
    split = padded(*([3, 1, 2, 6] * 8))
    shuffled = Recipe(batch_size=5)
    draws = [torch.Generator().manual_seed(1) for _ in range(2)]
    first, second = (torch.cat(epoch_order(split, shuffled, 0, generator)) for generator in draws)
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.cat(epoch_order(split, shuffled, 0, draws[0])))
    sorted_ = Recipe(batch_size=5, batches="by-length")
    orders = [
        torch.cat(epoch_order(split, sorted_, epoch, draws[0])).tolist() for epoch in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_rows_without_length_are_refused() -> None:
    split = Split({"x": np.zeros((4, 2), dtype=np.float32)}, np.arange(4))
    with pytest.raises(ConfigError, match='needs padded rows with an input "mask"'):
        epoch_order(split, Recipe(batches="by-length"), 0, torch.Generator())
