from __future__ import annotations

import re

import pytest
import torch

from netwright.compress.block import (
    BlockPruner,
    BlockSparsity,
    bake,
    block_scores,
    choose_blocks,
)
from netwright.errors import ConfigError, DataError, NumericsError
from netwright.models.text import EncoderLinear
from netwright.train import Moment, Objective
from tests.toys import clouds


def moment(step: int, steps: int, rate: float = 0.1) -> Moment:
    return Moment(torch.nn.Identity(), clouds(9), 1, 1, step, steps, 0.0, rate, (), Objective())


def test_the_score_is_the_root_mean_square_of_a_block():
    weight = torch.tensor([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    assert block_scores(weight, 4).tolist() == [[2.5, 1.0]]


def test_the_budget_is_global_and_exact():
    torch.manual_seed(0)
    scores = {"large": torch.rand(10, 10) + 1, "small": torch.rand(10, 10)}
    kept = choose_blocks(scores, sparsity=0.45, layer_cap=1.0)
    assert sum(int((mask == 0).sum()) for mask in kept.values()) == 90
    assert int(kept["large"].sum()) == 100
    capped = choose_blocks(scores, sparsity=0.45, layer_cap=0.6)
    assert int(capped["small"].sum()) == 40
    assert sum(int((mask == 0).sum()) for mask in capped.values()) == 90


def test_the_best_blocks_are_kept():
    kept = choose_blocks({"a": torch.arange(10.0)[None]}, sparsity=0.5, layer_cap=1.0)
    assert kept["a"].tolist() == [[0.0] * 5 + [1.0] * 5]


@pytest.mark.parametrize("score", ["magnitude", "taylor", "output"])
def test_the_ramp_ends_at_the_target_and_freezes(score):
    torch.manual_seed(0)
    linear = EncoderLinear(16, 32)
    schedule = BlockSparsity(0.75, start=0.25, score=score, every=7, ramp=0.5)
    pruner = BlockPruner({"a": linear}, schedule, spreads={"a": torch.rand(16)})
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)
    seen, masks = [], []
    for step in range(1, 61):
        optimizer.zero_grad()
        linear(torch.randn(8, 16)).square().sum().backward()
        optimizer.step()
        pruner.after_step(moment(step, 60))
        seen.append(pruner.sparsities()["a"])
        masks.append(linear.mask)
    assert seen[30:] == [0.75] * 30
    assert all(mask is masks[30] for mask in masks[30:])
    assert seen == sorted(seen)
    bake({"a": linear})
    assert (linear.weight.view(8, 4, 16).abs().amax(dim=1) > 0).float().mean() == 0.25


def test_the_score_output_keeps_what_the_inputs_make_large():
    linear = EncoderLinear(4, 4)
    torch.nn.init.constant_(linear.weight, 1.0)
    schedule = BlockSparsity(0.5, score="output")
    pruner = BlockPruner({"a": linear}, schedule, spreads={"a": torch.tensor([1.0, 4, 2, 3])})
    pruner.choose(1.0)
    assert linear.mask[0].tolist() == [False, True, False, True]
    with pytest.raises(ConfigError, match='score "output" needs the spreads of the inputs'):
        BlockPruner({"a": linear}, schedule)


def test_group_lasso_shrinks_every_block_by_the_same_norm():
    linear = EncoderLinear(8, 4)
    before = block_scores(linear.weight, 4) * 2
    pruner = BlockPruner({"a": linear}, BlockSparsity(0.5, lasso=1.0, every=9))
    pruner.after_step(moment(1, 10, 0.01))
    after = block_scores(linear.weight, 4) * 2
    torch.testing.assert_close(after, (before - 0.01).clamp_min(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 1.0}, "start (0.0) and sparsity (1.0) must rise within 0 to 1"),
        ({"sparsity": 0.5, "start": 0.6}, "start (0.6) and sparsity (0.5) must rise"),
        ({"sparsity": 0.98}, "layer_cap must be from the sparsity 0.98 to 1, not 0.97"),
        ({"sparsity": 0.5, "block_rows": 3}, "block_rows must be 4 or 8, not 3"),
        ({"sparsity": 0.5, "score": "luck"}, '"taylor" or "output", not "luck"'),
        ({"sparsity": 0.5, "every": 0}, "every (0) 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        BlockSparsity(**options)


def test_outputs_that_are_no_multiple_and_nan_are_refused():
    with pytest.raises(DataError, match="a: outputs must be a multiple of block_rows 4, not 6"):
        BlockPruner({"a": EncoderLinear(4, 6)}, BlockSparsity(0.5))
    linear = EncoderLinear(4, 8)
    with torch.no_grad():
        linear.weight[0, 0] = float("nan")
    with pytest.raises(NumericsError, match='tensor "a": weights must be finite'):
        BlockPruner({"a": linear}, BlockSparsity(0.5))


def pruned(schedule: BlockSparsity, num_steps: int) -> BlockPruner:
    """The pruner after a training of so many steps."""
    torch.manual_seed(0)
    linear = EncoderLinear(48, 64)
    pruner = BlockPruner({"a": linear}, schedule)
    for step in range(1, num_steps + 1):
        pruner.after_step(moment(step, num_steps))
    return pruner


@pytest.mark.parametrize("num_steps", [1, 3, 16, 20, 25])
@pytest.mark.parametrize("ramp", [0.1, 0.5, 0.96, 1.0])
@pytest.mark.parametrize("every", [1, 10, 25])
def test_every_training_ends_with_the_wanted_zeros(num_steps, ramp, every):
    pruner = pruned(BlockSparsity(0.8, ramp=ramp, every=every), num_steps)
    assert pruner.sparsities()["a"] == pytest.approx(0.8, abs=1 / 768)
    pruner.check_complete()


def test_masks_that_are_not_complete_are_refused():
    pruner = pruned(BlockSparsity(0.75, ramp=1.0, every=10), 0)
    message = "the masks must have 75.00% zeros, not 0.00%"
    with pytest.raises(ConfigError, match=message):
        pruner.check_complete()
    pruner.after_step(moment(10, 16))
    with pytest.raises(ConfigError, match=r"the masks must have 75.00% zeros, not 71\.09%"):
        pruner.check_complete()


def test_zeros_of_lower_blocks_are_not_complete():
    pruner = pruned(BlockSparsity(0.5, block_rows=8), 0)
    linear = pruner.linears["a"]
    linear.mask = torch.ones(64, 48, dtype=torch.bool)
    linear.mask.view(8, 8, 48)[:, 4:] = False
    with pytest.raises(ConfigError, match=r"50.00% zeros, not 0\.00%"):
        pruner.check_complete()


def test_operators_of_another_class_are_refused():
    message = (
        'operator "l" must be a netwright.models.text.EncoderLinear, not a '
        "torch.nn.modules.linear.Linear"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        BlockPruner({"l": torch.nn.Linear(48, 64)}, BlockSparsity(0.5))


def test_the_means_of_scores_are_taken_up():
    linear = EncoderLinear(16, 32)
    linear.weight.grad = torch.randn_like(linear.weight)
    first, second = (BlockPruner({"a": linear}, BlockSparsity(0.5, score="taylor")) for _ in "ab")
    first.after_step(moment(1, 10))
    state = first.state_dict()
    assert state["a"].shape == (8, 16)
    second.load_state_dict(state)
    first.choose(1.0)
    wanted = linear.mask
    second.choose(1.0)
    assert (linear.mask == wanted).all()
