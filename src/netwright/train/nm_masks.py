"""Which weights of an N:M pattern stay: by a kernel, or by a few passes instead of a sort."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from netwright.formats import NM
from netwright.kernels import nm_mask

_EXACT = 1 << 24
"""Ones that float32 counts exactly."""


def top_mask(values: Tensor, pattern: NM) -> Tensor:
    """1 where an element is one of the largest magnitudes of its group, else 0; like `values`.

    The twin of :meth:`netwright.formats.NM.mask`: of equal magnitudes the lowest index stays. An
    extent that the group does not divide has a shorter last group.

    Args:
        values: Weights or gradients, finite.
        pattern: The pattern, which keeps at least one; its axis is that of `values`.
    """
    if values.device.type == "cpu" and values.dtype == torch.float32:
        array = values.detach().contiguous().numpy()
        return torch.from_numpy(nm_mask(array, pattern, num_threads=torch.get_num_threads()))
    return _passes(values, pattern)


def _passes(values: Tensor, pattern: NM) -> Tensor:
    """The mask on any device and of any format."""
    group, axis = pattern.group, pattern.axis
    magnitudes = values.detach().abs()
    extent = values.shape[axis]
    short = -extent % group
    if short:  # what does not exist is smaller than everything
        pads = [0, 0] * (values.ndim - 1 - axis) + [0, short]
        magnitudes = functional.pad(magnitudes, pads, value=-1.0)
    before, after = prod(values.shape[:axis]), prod(values.shape[axis + 1 :])
    if after > 1:
        groups = magnitudes.reshape(-1, group, after)
        least = _least(groups.unbind(1), pattern.kept)
    else:  # neighbors lie beside each other: they are compared in a copy that is turned
        groups = magnitudes.reshape(-1, group, 1)
        turned = magnitudes.reshape(before, -1).t().contiguous()
        least = _least(turned.reshape(-1, group, before).unbind(1), pattern.kept)
        least = least.t().reshape(-1, 1)
    mask = _mask(groups, least[:, None], pattern.kept)
    return mask.reshape(magnitudes.shape).narrow(axis, 0, extent).contiguous()


def pruned(values: Tensor, pattern: NM) -> Tensor:
    """`values` with zeros where :func:`top_mask` has them."""
    return values * top_mask(values, pattern)


def _least(planes: Sequence[Tensor], kept: int) -> Tensor:
    """The smallest of the `kept` largest values over all planes, found by insertion.

    Two operations on all groups at once for each of the largest values and each plane.
    """
    largest = [planes[0]]
    for value in planes[1:]:
        for place, known in enumerate(largest):
            largest[place] = torch.maximum(known, value)
            if place + 1 < kept:
                value = torch.minimum(known, value)
        if len(largest) < kept:
            largest.append(value)
    return largest[-1]


def _mask(groups: Tensor, least: Tensor, kept: int) -> Tensor:
    """1 where an element of a group is among the `kept` largest, the lowest index first.

    Args:
        groups: Magnitudes, (groups, places, others).
        least: The smallest one that is kept, (groups, 1, others).
        kept: How many are.
    """
    mask = torch.ge(groups, least, out=torch.empty_like(groups))
    exact = None if mask.numel() <= _EXACT else torch.float64
    if int(mask.sum(dtype=exact)) == mask.numel() // mask.shape[1] * kept:
        return mask
    equal = (groups == least).to(groups.dtype)  # there are ties
    above = mask - equal
    free = kept - above.sum(1, keepdim=True)
    before = equal.cumsum(1) - equal
    return above + equal * (before < free)
