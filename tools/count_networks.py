"""Count the shipped networks with counters that are not ours, and freeze what they say.

PyTorch's ``torch.utils.flop_counter``, which watches the operations of a run without data, counts
the definitions of torchvision and timm. For those that run in seconds thop, which hooks modules,
counts too, and both must agree. The figures go into ``tests/cost/data/counts.json``, with which the
tests compare ours.

Usage: pip install 'netwright[networks]' thop && python tools/count_networks.py
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import thop
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netwright.models import published

DEFINITIONS = {
    "alexnet": "alexnet",
    "deeplabv3": "deeplabv3_resnet50",
    "densenet121": "densenet121",
    "fcn": "fcn_resnet50",
    "lraspp": "lraspp_mobilenet_v3_large",
    "nasnet_a": "nasnetalarge",
    "pnasnet5": "pnasnet5large",
    "r2plus1d_18": "r2plus1d_18",
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "resnext50": "resnext50_32x4d",
    "s3d": "s3d",
    "squeezenet": "squeezenet1_1",
    "vgg16": "vgg16",
}
"""Our name, and that of the definition."""

TARGET = Path(__file__).resolve().parent.parent / "tests" / "cost" / "data" / "counts.json"

PRODUCTS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


SMALL = 5_000_000_000
"""Multiply-accumulates of the largest network that both count."""


def count(name: str) -> dict[str, int]:
    """Multiply-accumulates; parameters, and those of them that are kernels."""
    with torch.device("meta"):
        module, values = published.build(name)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*(value.to("meta") for value in values))
    macs = counter.get_total_flops() // 2
    if macs < SMALL and (hooked := count_by_hooks(name)) != macs:
        raise SystemExit(f"{name}: the counters disagree: {macs} and {hooked} MACs")
    parameters = [parameter.shape for parameter in module.parameters()]
    return {
        "macs": macs,
        "parameters": sum(shape.numel() for shape in parameters),
        "kernels": sum(shape.numel() for shape in parameters if len(shape) > 1),
    }


def count_by_hooks(name: str) -> int:
    """Multiply-accumulates of convolutions and dense layers, as thop counts them."""
    module, values = published.build(name)
    leaves = [part for part in module.modules() if not list(part.children())]
    nothing = {type(leaf): lambda *_: None for leaf in leaves if not isinstance(leaf, PRODUCTS)}
    by_hooks, _ = thop.profile(module, values, custom_ops=nothing, verbose=False)
    return int(by_hooks)


def main() -> None:
    """Count every network and write the file."""
    tools = ("torch", "torchvision", "timm", "thop")
    found: dict[str, object] = {"versions": {tool: version(tool) for tool in tools}}
    networks = {}
    for ours, theirs in DEFINITIONS.items():
        networks[ours] = count(theirs)
        sys.stdout.write(f"{ours}: {networks[ours]}\n")
    found["networks"] = networks
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
