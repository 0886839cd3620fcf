"""Vision transformers."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

TOKENS, FEATURES, HEADS, LAYERS = 197, 768, 12, 12


def vit_b16() -> Workload:
    """ViT-B/16 (Dosovitskiy et al. 2021, table 1), normalizations and softmax as cascades."""
    b = Builder("vit_b16")
    patches = b.conv(b.input((1, 3, 224, 224)), FEATURES, 16, stride=16, padding=0)
    patches = b.transpose(b.reshape(patches, (1, FEATURES, TOKENS - 1)), (0, 2, 1))
    token = b.input((1, 1, FEATURES))
    x = b.add(b.concat(token, patches, axis=1), b.input((1, TOKENS, FEATURES)))
    for _ in range(LAYERS):
        x = b.add(b.attention(b.layer_norm(x), HEADS), x)
        y = b.activate(b.linear(b.layer_norm(x), 4 * FEATURES), "gelu")
        x = b.add(b.linear(y, FEATURES), x)
    return b.finish(b.linear(b.select(b.layer_norm(x), (1, FEATURES)), 1000))
