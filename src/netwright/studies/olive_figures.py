"""Figures of the study ``olive``: differences snippet by snippet, and pairs of outliers."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from netwright.compress import PairShares, pair_shares
from netwright.models import minilm
from netwright.quantities import Quantity
from netwright.studies.claims import Finding
from netwright.studies.olive_networks import right
from netwright.studies.study import Context

TEST = "2,016 movie snippets, MiniLM-L6"


def shares() -> Mapping[str, PairShares]:
    """Pairs of the weights of every linear operator of MiniLM-L6, as it is shipped."""
    weights = {name: layer.weight.detach().numpy() for name, layer in minilm().linears().items()}
    return {name: pair_shares(values) for name, values in weights.items()}


def paired(left: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[float, float, str]:
    """Points that `left` is better, their standard error over snippets, and both in words."""
    by_snippet = 100 * (left.astype(float) - other.astype(float)).mean(axis=0)
    mean, error = float(by_snippet.mean()), float(by_snippet.std(ddof=1)) / sqrt(len(by_snippet))
    ours, theirs = int((left & ~other).sum()), int((other & ~left).sum())
    text = (
        f"95 % interval {mean - 1.96 * error:.2f} to {mean + 1.96 * error:.2f}; right where the "
        f"other is wrong {ours}, the other way {theirs}; {len(left)} seeds"
    )
    return mean, error, text


def compare(context: Context, left: str, other: str) -> Finding:
    """Points that a contestant is better than another one."""
    mean, error, text = paired(right(context, left), right(context, other))
    return Finding(Quantity(mean, "points", TEST, "measured", error), text)
