"""Modelled training steps of the study ``nm-training``."""

from __future__ import annotations

from functools import cache

from netwright import arch, workload
from netwright.cost import training
from netwright.formats import NM

NETWORKS = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "vgg19": "VGG-19",
    "vit_b16": "ViT-B/16",
}
BATCH = 32


@cache
def steps(network: str) -> tuple[tuple[float, float], ...]:
    """Seconds of a 2:8 step with one technique after the other, and the speed-up over dense."""
    machine, pattern = training.Machine.of(arch.find("sat")), NM(2, 8)
    layers = training.trained_layers(workload.NETWORKS[network](), pattern, batch=BATCH)
    return tuple(
        (
            training.training_step(layers, machine, pattern, techniques).seconds,
            training.speed_up(layers, machine, pattern, techniques),
        )
        for _, techniques in training.ABLATION
    )
