"""Which weights of an N:M pattern stay, in torch: a few passes over a tensor instead of a sort."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from netwright.formats import NM

_EXACT = 1 << 24
"""Ones that float32 counts exactly."""


def top_mask(values: Tensor, pattern: NM) -> Tensor:
    """1 where an element is one of the largest magnitudes of its group, else 0; like `values`.

    The twin of :meth:`netwright.formats.NM.mask`: of equal magnitudes the lowest index stays. An
    extent that the group does not divide has a shorter last group.

    Args:
        values: Weights or gradients, finite.
        pattern: The pattern; its axis is that of `values`.
    """
    group, axis = pattern.group, pattern.axis
    magnitudes = values.detach().abs()
    extent = values.shape[axis]
    short = -extent % group
    if short:  # what does not exist is smaller than everything
        pads = [0, 0] * (values.ndim - 1 - axis) + [0, short]
        magnitudes = functional.pad(magnitudes, pads, value=-1.0)
    after = magnitudes[0].numel() if axis == 0 else magnitudes.stride(axis - 1) // (extent + short)
    groups = magnitudes.reshape(-1, group, after)
    planes = groups if after > 1 else groups.reshape(-1, group).t().contiguous()[None]
    mask = _mask_of_planes(planes, pattern.kept)
    if after == 1:
        mask = mask[0].t()
    return mask.reshape(magnitudes.shape).narrow(axis, 0, extent).contiguous()


def pruned(values: Tensor, pattern: NM) -> Tensor:
    """`values` with zeros where :func:`top_mask` has them."""
    return values * top_mask(values, pattern)


def _mask_of_planes(planes: Tensor, kept: int) -> Tensor:
    """1 where an element is among the `kept` largest along axis 1, the lowest index first.

    The largest values are found by insertion, all groups at once: two operations for each of them
    and each element. Ties are looked at only if there are any.
    """
    if kept == 0:
        return torch.zeros_like(planes)
    largest = [planes[:, 0]]
    for value in planes.unbind(1)[1:]:
        for place, known in enumerate(largest):
            largest[place] = torch.maximum(known, value)
            value = torch.minimum(known, value)
        if len(largest) < kept:
            largest.append(value)
    least = largest[-1][:, None]
    mask = torch.ge(planes, least, out=torch.empty_like(planes))
    exact = None if mask.numel() <= _EXACT else torch.float64
    if int(mask.sum(dtype=exact)) == mask.numel() // mask.shape[1] * kept:
        return mask
    equal = (planes == least).to(planes.dtype)
    above = mask - equal
    free = kept - above.sum(1, keepdim=True)
    before = equal.cumsum(1) - equal
    return above + equal * (before < free)
