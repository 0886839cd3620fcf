from __future__ import annotations

from importlib.util import find_spec

import pytest

from netwright.errors import ConfigError
from netwright.exchange import read_workload
from netwright.models import published

COUNTED = (
    "alexnet", "densenet121", "mobilenet_v2", "mobilenet_v3_large", "resnet18", "resnet50",
    "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "vgg16",
)  # fmt: skip


def test_unknown_network():
    with pytest.raises(ConfigError, match=r'"resnet19" is not one .* mean "resnet18"\?'):
        published.build("resnet19")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision defines the networks")
@pytest.mark.skipif(find_spec("onnxscript") is None, reason="onnxscript exports them")
@pytest.mark.parametrize("name", COUNTED)
def test_counts_equal_those_of_torch(name, tmp_path):
    """Two routes: torch counts the operations that it runs, we read the exported file."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, values = published.build(name)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*values)
    workload = read_workload(published.export(name, tmp_path))
    assert 2 * workload.num_macs == counter.get_total_flops()
    assert workload.num_parameters == sum(value.numel() for value in module.parameters())
