"""The operators, one file a family; :data:`SPECS` lists them all."""

from collections.abc import Mapping
from types import MappingProxyType

from netwright.ir.ops import (
    activation,
    approximate,
    attention,
    attention_parts,
    bank,
    conv,
    elementwise,
    format_quant,
    function,
    gather,
    limit,
    linear,
    lookup,
    normalize,
    pool,
    quant,
    rotary,
    shape,
    transposed,
)
from netwright.ir.spec import Category, OpSpec

SPECS: Mapping[str, OpSpec] = MappingProxyType(
    {
        spec.name: spec
        for family in (
            linear,
            attention,
            attention_parts,
            lookup,
            gather,
            conv,
            transposed,
            elementwise,
            activation,
            normalize,
            rotary,
            function,
            limit,
            pool,
            shape,
            quant,
            format_quant,
            approximate,
            bank,
        )
        for spec in family.SPECS
    }
)
"""Every operator by name."""


def operators(*categories: Category) -> frozenset[str]:
    """Names of the operators of some categories.

    >>> sorted(operators("product"))
    ['BankMatMul', 'Conv', 'ConvTranspose', 'MatMul']
    """
    return frozenset(spec.name for spec in SPECS.values() if spec.category in categories)


KEEPS_VALUES = frozenset(spec.name for spec in SPECS.values() if spec.keeps_values)
"""Operators whose results hold elements of their operands, and no others."""

__all__ = ["KEEPS_VALUES", "SPECS", "operators"]
