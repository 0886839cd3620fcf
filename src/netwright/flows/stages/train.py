"""Stage ``train``: the float network, once for every seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright.flows.sections import AnyModel, AnySparsity, AnyTask, TrainSection
from netwright.flows.stages.common import fit_networks, load_task, new_model, sparsity
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.train import Callback


class TrainParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        train: How it is trained.
        seeds: One network for each.
        sparsity: Zeros that the weights have from the first step on.
    """

    task: AnyTask
    model: AnyModel
    train: TrainSection
    seeds: tuple[int, ...]
    sparsity: AnySparsity | None = None


def train(context: StageContext[TrainParameters]) -> None:
    """Train one network a seed, on all cores; write weights and scores."""
    parameters = context.parameters
    task = load_task(parameters.task, context.inputs)
    models = {
        seed: new_model(parameters.model, task, seed, context.inputs) for seed in parameters.seeds
    }
    sparse = sparsity(parameters.sparsity)
    kept: list[Callback] = [] if sparse is None else [sparse.callback()]
    kept += parameters.train.made_callbacks("train", context.inputs, folder=context.logs)
    fit_networks(context, models, task, parameters.train, kept)
