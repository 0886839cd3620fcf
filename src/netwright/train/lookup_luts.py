"""How many LUTs a network of tables takes, without synthesis.

A chain of tables in a device with lookup tables of six inputs: the adder of a table takes a LUT for
every bit of its entries, and a table of a code of up to five bits is part of it. One of six bits
takes as many again, and every further bit doubles that. The first table of a sum has no adder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.train.lookup import LookupModel, TableLayer

FREE_BITS = 5
"""Bits of a code whose table is part of an adder."""

LUT_INPUTS = 6
"""Inputs of a LUT."""

LIMIT_LUTS = 0.5
"""What a code of a hidden layer takes beyond a LUT for every bit, to be limited."""


@torch.no_grad()
def function_luts(layer: TableLayer, *, coarse: bool = False) -> Tensor:
    """LUTs of every function with its adder, (inputs, outputs).

    Args:
        layer: The layer.
        coarse: As if no function read the lowest bit of its code.
    """
    fine = torch.zeros_like(layer.fine) if coarse else layer.fine
    adders = _entry_bits(layer.functions(), layer.step) * layer.kept
    return adders * (1 + _luts_of_bit(layer.bits - 1 + fine))


def soft_luts(layer: TableLayer) -> Tensor:
    """What the functions of a layer take if bits had fractions, a scalar with gradients."""
    functions = layer.functions()
    reach = functions.amax(dim=1) - functions.amin(dim=1)
    bits = torch.log2(reach / layer.step + 1) * layer.kept
    return (bits * (1 + _luts_of_bit(layer.bits - 1 + layer.fine))).sum()


def code_luts(model: LookupModel) -> Tensor:
    """LUTs that make the code of every input of more bits, (features,)."""
    bits, reads = model.shape.bits[0], model.input_reads
    wires = reads <= bits
    return torch.where(wires, torch.zeros_like(reads), bits * _luts_of_bit(reads).clamp_min(1))


@torch.no_grad()
def num_luts(model: LookupModel) -> float:
    """LUTs of six inputs that a network takes, every sum a chain; the registers take none.

    An estimate: it knows neither what synthesis shares nor what it cannot put together. What it is
    worth is told in the documentation.
    """
    total, shape = 0.0, model.shape
    layers = model.tables()
    for layer, after in zip(layers, (*layers[1:], None), strict=True):
        adders = _entry_bits(layer.functions(), layer.step) * layer.kept
        extra = _luts_of_bit(layer.bits - 1 + layer.fine)
        starts = (adders * extra.clamp_max(1)).amax(dim=0)
        total += float((adders * (1 + extra)).sum() - starts.sum())
        if after is not None:
            neurons = layer.kept.any(dim=0) & after.kept.any(dim=1)
            total += float(neurons.sum()) * (after.bits + LIMIT_LUTS)
    if shape.input_bits is not None:
        total += float((code_luts(model) * layers[0].kept.any(dim=1)).sum())
    return total


def _entry_bits(functions: Tensor, step: float) -> Tensor:
    """Bits of what every table gives less its smallest entry, (inputs, outputs)."""
    entries = (functions.double() / step).round()
    reach = entries.amax(dim=1) - entries.amin(dim=1)
    return torch.log2(reach + 1).ceil().float()


def _luts_of_bit(bits: Tensor) -> Tensor:
    """LUTs that one bit of a table takes beside its adder."""
    beyond = torch.exp2((bits - LUT_INPUTS).clamp_min(0))
    return torch.where(bits <= FREE_BITS, torch.zeros_like(beyond), beyond)
