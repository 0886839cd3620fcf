"""DenseNet-121 with one concatenation a layer, each of which copies."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload


def densenet121() -> Workload:
    """DenseNet-121 (Huang et al. 2017, table 1), as torchvision has it.

    Every layer concatenates all features of its block anew, so each feature map lives until its
    block ends. A graph that chains concatenations of two has no such long lives.
    """
    b = Builder("densenet121")
    x = b.activate(b.norm(b.conv(b.input((1, 3, 224, 224)), 64, 7, stride=2)))
    x = b.pool(x, 3, stride=2, padding=1)
    for block, layers in enumerate((6, 12, 24, 16)):
        features = [x]
        for _ in range(layers):
            y = b.activate(b.norm(b.concat(*features)))
            y = b.activate(b.norm(b.conv(y, 128, 1)))
            features.append(b.conv(y, 32, 3))
        x = b.activate(b.norm(b.concat(*features)))
        if block < 3:
            x = b.conv(x, b.shape(x)[1] // 2, 1)
            x = b.pool(x, 2, stride=2, reduce_op="add")
    return b.finish(b.linear(b.global_pool(x), 1000))
