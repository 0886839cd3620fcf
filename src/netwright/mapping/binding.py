"""Which compute unit runs an Einsum, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from netwright.arch import MAC, Architecture, Compute
from netwright.errors import ConfigError
from netwright.ir.einsums.einsum import ARITHMETIC
from netwright.mapping.mapping import Group
from netwright.mapping.names import no_einsum
from netwright.mapping.operation import factors_of
from netwright.workload import Einsum, Workload

THEN = "_then_"
"""Joins the names of operators that a unit does at once, as in ``subtract_then_exp``."""


def operators_of(einsum: Einsum) -> tuple[str, ...]:
    """The operators of one point of an Einsum, in order; none if it only moves.

    A product that is added up is one multiply-accumulate. An operator on more than two operands is
    there as often as it takes; a factor that does not change along a sum, such as a constant, is
    applied on the way out and left out here.
    """
    number = len(einsum.inputs) + len(einsum.constants) - 1
    if einsum.is_sum_of_products:
        number = len(list(factors_of(einsum))) - 1
    if einsum.map_op not in ARITHMETIC:
        number = 1
    found: list[str] = [einsum.map_op] * number if einsum.map_op != "copy" else []
    found += einsum.unary
    if einsum.reduce_op == "none":
        return tuple(found)
    if einsum.reduce_op == "add" and found[-1:] == ["multiply"]:
        return (*found[:-1], MAC)
    return (*found, einsum.reduce_op)


def work_of(einsum: Einsum, unit: Compute) -> tuple[str, ...]:
    """What a unit does for one point: the operators, chains that it does at once as one.

    An operator that the unit does not do is there too; see :attr:`netwright.arch.Compute.does`.
    """
    left, found = list(operators_of(einsum)), []
    while left:
        for length in range(len(left), 0, -1):
            name = THEN.join(left[:length])
            if name in unit.does or length == 1:
                found.append(name)
                del left[:length]
                break
    return tuple(found)


def able_units(einsum: Einsum, architecture: Architecture) -> tuple[Compute, ...]:
    """The compute units that do all operators of an Einsum."""
    return tuple(u for u in architecture.units if set(work_of(einsum, u)) <= set(u.does))


def binding_of(architecture: Architecture, einsum: Einsum) -> str:
    """The first compute unit that does all operators of an Einsum; empty if none does."""
    return next((unit.name for unit in able_units(einsum, architecture)), "")


def unknown_to_all(einsum: Einsum, architecture: Architecture) -> frozenset[str]:
    """Operators of an Einsum that no compute unit does."""
    wanted = {name for unit in architecture.units for name in work_of(einsum, unit)}
    return frozenset(wanted.difference(*(unit.does for unit in architecture.units)))


def undone(einsum: Einsum, architecture: Architecture) -> tuple[str, ...]:
    """Operators of an Einsum that no unit does; all of them where no unit does them together."""
    if able_units(einsum, architecture):
        return ()
    return tuple(sorted(unknown_to_all(einsum, architecture))) or operators_of(einsum)


def check_units(einsums: Iterable[Einsum], architecture: Architecture) -> None:
    """Refuse Einsums that run point by point together where no unit of several does one of them.

    Raises:
        ConfigError: With the operators, what the units do, and what would do.
    """
    for einsum in einsums:
        if len(architecture.units) > 1 and not able_units(einsum, architecture):
            lacks = undone(einsum, architecture)
            raise ConfigError(
                f'"{einsum.name}" runs point by point with others, and no unit does '
                f"{', '.join(lacks)}",
                hint=f"{architecture.abilities}; a line in [nodes.operators] of one of them would "
                f"do, such as {lacks[0]} = {{ cycles = 4 }}",
            )


def binding_faults(
    workload: Workload,
    architecture: Architecture,
    bindings: Mapping[str, str],
    groups: Sequence[Group] = (),
) -> Iterator[str]:
    """Bindings that no machine of this kind can follow, as sentences.

    Phases of groups name the only unit of a machine for what it does not do, too: such Einsums take
    the time and energy of their bytes alone.
    """
    phased = {
        (name, unit)
        for group in groups
        for phase in group.phases
        for unit, names in phase.steps.items()
        for name in names
    }
    einsums = {einsum.name: einsum for einsum in workload.einsums}
    units = {unit.name: unit for unit in architecture.units}
    for name, unit in bindings.items():
        if name not in einsums:
            yield f'a binding names "{name}", which {no_einsum(workload, name)}'
        elif unit not in units:
            told = ", ".join(units) or "there are none"
            yield f'Einsum "{name}": there is no compute unit "{unit}"; units: {told}'
        elif len(units) > 1 or (name, unit) not in phased:
            work = dict.fromkeys(work_of(einsums[name], units[unit]))
            missing = [operator for operator in work if operator not in units[unit].does]
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
        able = able_units(einsum, architecture)
        unit = able[0].name if len(able) == 1 else None
    known = unit is not None and any(own.name == unit for own in architecture.units)
    return architecture.branch(unit) if known and unit is not None else None
