"""Which compute unit runs an Einsum, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netwright.arch import MAC, Architecture
from netwright.mapping.operation import is_operation
from netwright.workload import Einsum, Workload


def operators_of(einsum: Einsum) -> tuple[str, ...]:
    """Names of the operators that a unit must do to run an Einsum; none if it only moves.

    A sum of products needs a multiply-accumulate; functions of its results are applied on the way
    out.
    """
    if is_operation(einsum):
        return (MAC,)
    if einsum.is_move:
        return ()
    first = () if einsum.map_op == "copy" else (einsum.map_op,)
    last = () if einsum.reduce_op == "none" else (einsum.reduce_op,)
    return tuple(dict.fromkeys((*first, *einsum.unary, *last)))


def binding_faults(
    workload: Workload, architecture: Architecture, bindings: Mapping[str, str]
) -> Iterator[str]:
    """Bindings that no machine of this kind can follow, as sentences."""
    einsums = {einsum.name: einsum for einsum in workload.einsums}
    units = {unit.name: unit for unit in architecture.units}
    for name, unit in bindings.items():
        if name not in einsums:
            yield f'a binding names "{name}", which is no Einsum'
        elif unit not in units:
            yield f'Einsum "{name}": there is no compute unit "{unit}"'
        else:
            missing = [op for op in operators_of(einsums[name]) if op not in units[unit].does]
            if missing:
                yield (
                    f'Einsum "{name}": {unit} does {", ".join(units[unit].does)}, '
                    f"not {', '.join(missing)}"
                )


def branch_of(
    architecture: Architecture, einsum: Einsum, bindings: Mapping[str, str]
) -> Architecture | None:
    """The machine as the unit of an Einsum sees it; none if nothing says which unit it is."""
    unit = bindings.get(einsum.name)
    if unit is None:
        able = [u for u in architecture.units if set(operators_of(einsum)) <= set(u.does)]
        unit = able[0].name if len(able) == 1 else None
    known = unit is not None and any(own.name == unit for own in architecture.units)
    return architecture.branch(unit) if known and unit is not None else None
