from __future__ import annotations

from netwright.train import Epoch, History


def test_epochs_and_histories_are_values() -> None:
    epoch = Epoch(1, 0.5, 0.9)
    assert epoch == Epoch(1, 0.5, 0.9)
    assert History((epoch,), epoch) == History((Epoch(1, 0.5, 0.9),), epoch)
