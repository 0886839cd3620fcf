"""Networks written by hand: shapes only, from the papers and torchvision's definitions.

Every operator is a step and writes a tensor (granularity ``"unfused"``); views are free; a
concatenation copies. :func:`netwright.workload.fuse` gives the other granularity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netwright.workload.networks.cells import amoebanet_d, darts
from netwright.workload.networks.decoder import BUILDERS, DECODERS, decoder
from netwright.workload.networks.dense import densenet121
from netwright.workload.networks.mobile import lraspp
from netwright.workload.networks.mobilenet import mobilenet_v1
from netwright.workload.networks.nasnet import nasnet_a, pnasnet5
from netwright.workload.networks.plain import alexnet, squeezenet, vgg16, vgg19
from netwright.workload.networks.residual import deeplabv3, fcn, resnet18, resnet50, resnext50
from netwright.workload.networks.searched import resnet9, unet
from netwright.workload.networks.transformer import vit_b16
from netwright.workload.networks.video import r2plus1d_18, s3d
from netwright.workload.workload import Workload

NETWORKS: Mapping[str, Callable[[], Workload]] = MappingProxyType(
    {
        **BUILDERS,
        "alexnet": alexnet,
        "amoebanet_d": amoebanet_d,
        "darts": darts,
        "deeplabv3": deeplabv3,
        "densenet121": densenet121,
        "fcn": fcn,
        "lraspp": lraspp,
        "nasnet_a": nasnet_a,
        "pnasnet5": pnasnet5,
        "mobilenet_v1": mobilenet_v1,
        "r2plus1d_18": r2plus1d_18,
        "resnet18": resnet18,
        "resnet50": resnet50,
        "resnet9": resnet9,
        "resnext50": resnext50,
        "s3d": s3d,
        "squeezenet": squeezenet,
        "unet": unet,
        "vgg16": vgg16,
        "vgg19": vgg19,
        "vit_b16": vit_b16,
    }
)
"""Builders by name."""


def spelled(name: str) -> str | None:
    """The name of a network as it is spelled here; others may write ``ViT-B16`` or ``vit_b_16``."""

    def letters(text: str) -> str:
        return "".join(letter for letter in text.lower() if letter.isalnum())

    return next((own for own in NETWORKS if letters(own) == letters(name)), None)


__all__ = ["DECODERS", "NETWORKS", "decoder", "mobilenet_v1", "resnet9", "spelled", "unet"]
