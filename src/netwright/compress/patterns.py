"""Widths by hand: patterns of layer paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from netwright.compress.plan import (
    Granularity,
    LayerShape,
    Plan,
    ScaleKind,
    Width,
    layer_of,
)
from netwright.errors import ConfigError

Widths = Width | tuple[Width, Width]
"""Width of weights and of what a layer reads: one for both, or one for each."""


def by_pattern(
    shapes: Sequence[LayerShape],
    widths: Mapping[str, Widths],
    *,
    scale: ScaleKind = "power-of-two",
    granularity: Granularity = "tensor",
) -> Plan:
    """A plan from widths for patterns of layer paths; later patterns win over earlier ones.

    Args:
        shapes: The layers, from :func:`~netwright.compress.layer_shapes`.
        widths: By pattern: ``*`` stands for anything, ``?`` for one character, ``[12]`` for one of
            them; bits for weights and inputs, or (weight bits, input bits); a
            :class:`~netwright.compress.Choice` in the place of bits names a quantizer.
        scale: Rule for the scales.
        granularity: Rule for the weight scales.

    Raises:
        ConfigError: A pattern matches no layer, a layer no pattern, or a width is out of range; the
            message lists them all.

    >>> layers = [LayerShape(f"features.{i}", 8, 8, 1, 64) for i in range(2)]
    >>> layers += [LayerShape("head", 8, 4, 1, 32)]
    >>> str(by_pattern(layers, {"features.*": 6, "features.0": (8, 10), "head": (4, 6)}))
    'w8a10 w6a6 w4a6 (power-of-two, tensor)'
    """
    names = [shape.name for shape in shapes]
    faults = [
        f'the pattern "{pattern}" matches no layer'
        for pattern in widths
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    layers = []
    for name in names:
        found = [given for pattern, given in widths.items() if fnmatchcase(name, pattern)]
        if not found:
            faults.append(f'no pattern matches the layer "{name}"')
            continue
        given = found[-1]
        pair: tuple[Width, ...] = given if isinstance(given, tuple) else (given, given)
        if len(pair) != 2:
            faults.append(f'layer "{name}": widths must be one number or two, not {pair}')
            continue
        layers.append(layer_of(name, *pair))
    if faults:
        raise ConfigError(faults, hint=f"layers: {', '.join(names)}")
    plan = Plan(tuple(layers), origin="by pattern")
    return plan.with_rules(scale=scale, granularity=granularity)
