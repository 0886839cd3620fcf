"""Every network against counts that were taken from torchvision's own modules.

Those of networks found by search are checked by their parameters and MACs instead.
"""

from __future__ import annotations

import pytest

from netwright.workload import NETWORKS, Workload, fuse, spelled
from netwright.workload.networks import DECODERS


def working_set(workload: Workload) -> int:
    return max(
        sum(
            workload.by_name[name].num_bytes
            for name in (*einsum.reads, einsum.output.tensor)
            if workload.by_name[name].kind != "weight"
        )
        for einsum in workload.einsums
    )


OPERATORS = {
    # name: operators and largest working set in KiB, unfused and fused
    "alexnet": (18, 11, 378, 336),
    "amoebanet_d": (1041, 491, 3136, 2352),
    "darts": (708, 383, 588, 441),
    "deeplabv3": (198, 82, 4704, 4704),
    "densenet121": (430, 188, 1568, 1568),
    "fcn": (177, 73, 4704, 4704),
    "lraspp": (193, 98, 1568, 1045),
    "nasnet_a": (1232, 704, 2310, 1660),
    "pnasnet5": (914, 513, 2310, 1805),
    "mobilenet_v1": (83, 29, 1568, 1176),
    "r2plus1d_18": (118, 47, 56448, 40768),
    "resnet18": (68, 31, 1568, 980),
    "resnet50": (174, 72, 2352, 2352),
    "resnet9": (25, 13, 49, 37),
    "resnext50": (174, 72, 2352, 2352),
    "s3d": (256, 102, 25088, 18816),
    "squeezenet": (64, 38, 1540, 959),
    "unet": (22, 12, 192, 192),
    "vgg16": (36, 21, 6272, 6272),
    "vgg19": (42, 24, 6272, 6272),
    "vit_b16": (360, 298, 1182, 912),
}

PARAMETERS = {
    # torchvision's counts without biases and normalizations, which are no tensors here
    "alexnet": 61_090_496,
    "resnet18": 11_678_912,
    "resnet50": 25_502_912,
    "vgg16": 138_344_128,
    "vgg19": 143_652_544,
}


@pytest.mark.parametrize("name", ["vit_b16", "vit_b_16", "ViT-B16"])
def test_spelling(name):
    assert spelled(name) == "vit_b16"
    assert spelled("vit_b17") is None


def test_every_network_has_counts():
    assert {*OPERATORS, *DECODERS} == set(NETWORKS)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_operators_and_working_set(name):
    workload = NETWORKS[name]()
    fused = fuse(workload)
    found = [len(w.einsums) for w in (workload, fused)]
    found += [round(working_set(w) / 1024) for w in (workload, fused)]
    assert tuple(found) == OPERATORS[name]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters(name):
    assert NETWORKS[name]().num_parameters == PARAMETERS[name]
