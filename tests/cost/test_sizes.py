"""Counts against those of PyTorch's counter on torchvision's and timm's own definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright.cost import size_of
from netwright.mapping import is_operation
from netwright.workload import NETWORKS

COUNTED = json.loads((Path(__file__).parent / "data" / "counts.json").read_text())["networks"]
"""Written by ``tools/count_networks.py``."""

PLAIN = (
    "alexnet", "densenet121", "resnet18", "resnet50", "resnext50", "squeezenet", "vgg16",
)  # fmt: skip
"""Networks whose biases and normalizations :func:`folded` can tell."""

MOBILENET_MACS = 0.569
"""Howard et al. 2017, table 4: 569 million, at three digits."""


def folded(workload):
    """Scales and offsets of normalization; biases of sums that no normalization follows."""
    normalized = {
        einsum.inputs[0].tensor for einsum in workload.einsums if "rescale" in einsum.unary
    }
    total = 0
    for einsum in workload.einsums:
        shape = workload.by_name[einsum.output.tensor].shape
        if "rescale" in einsum.unary:
            total += 2 * shape[1]
        elif is_operation(einsum) and not normalized:
            total += shape[1]
    last = workload.einsums[-1]
    return total + (workload.by_name[last.output.tensor].shape[1] if normalized else 0)


def test_enough_networks_are_counted():
    assert len(COUNTED) >= 10


@pytest.mark.parametrize("name", COUNTED)
def test_macs_and_kernels_equal_those_of_another_counter(name):
    size = size_of(NETWORKS[name]())
    assert (size.num_macs, size.num_parameters) == (COUNTED[name]["macs"], COUNTED[name]["kernels"])


@pytest.mark.parametrize("name", PLAIN)
def test_parameters_are_complete_with_what_is_folded(name):
    workload = NETWORKS[name]()
    assert size_of(workload).num_parameters + folded(workload) == COUNTED[name]["parameters"]


def test_mobilenet_has_its_published_size():
    size = size_of(NETWORKS["mobilenet_v1"]())
    assert round(size.num_macs / 1e9, 3) == MOBILENET_MACS
    assert size.num_parameters == 4_209_088


def test_attention_as_one_step_is_named():
    size = size_of(NETWORKS["vit_b16"]())
    assert size.not_counted == ()
    assert size.num_macs == 17_563_828_224  # PyTorch's counter on torchvision's module
