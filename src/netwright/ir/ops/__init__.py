"""The operators, one file a family; :data:`SPECS` lists them all."""

from collections.abc import Mapping
from types import MappingProxyType

from netwright.ir.ops import (
    activation,
    conv,
    elementwise,
    limit,
    linear,
    lookup,
    pool,
    quant,
    shape,
)
from netwright.ir.spec import OpSpec

SPECS: Mapping[str, OpSpec] = MappingProxyType(
    {
        spec.name: spec
        for family in (linear, lookup, conv, elementwise, activation, limit, pool, shape, quant)
        for spec in family.SPECS
    }
)
"""Every operator by name."""

__all__ = ["SPECS"]
