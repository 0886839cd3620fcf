"""Vision transformers."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.einsum import Workload

TOKENS, FEATURES, LAYERS = 197, 768, 12


def vit_b16() -> Workload:
    """ViT-B/16 (Dosovitskiy et al. 2021, table 1) with each attention block as one step."""
    b = Builder("vit_b16")
    patches = b.conv(b.input((1, 3, 224, 224)), FEATURES, 16, stride=16, padding=0)
    patches = b.reshape(patches, (1, TOKENS - 1, FEATURES))
    token = b.input((1, 1, FEATURES))
    x = b.add(b.concat(token, patches, axis=1), b.input((1, TOKENS, FEATURES)))
    for _ in range(LAYERS):
        x = b.add(b.attention(b.norm(x)), x)
        y = b.activate(b.linear(b.norm(x), 4 * FEATURES))
        x = b.add(b.linear(y, FEATURES), x)
    return b.finish(b.linear(b.select(b.norm(x), (1, FEATURES)), 1000))
