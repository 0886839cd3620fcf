"""The stream engine: operators that go once through their operands, one after the other.

What is no product passes a compute unit that does its operators, all copies of it at once; the
outermost memory is read and written meanwhile. Where no unit does an operator, it takes the time
and energy of its bytes alone, and whoever asks is told which operators these are.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import prod

from netwright.arch import Architecture, Compute
from netwright.cost.counts import Action, Counts
from netwright.errors import ConfigError
from netwright.mapping.binding import able_units, operators_of, unknown_to_all, work_of
from netwright.mapping.zeros import multiplied, share_of, told, work_share
from netwright.workload import Einsum, Workload, bytes_touched

STREAMED = "operators without multiplications read and write {root} once"


def count(
    workload: Workload, einsum: Einsum, architecture: Architecture, *, compute: str = ""
) -> Counts:
    """What happens while an Einsum goes through its operands once.

    Args:
        workload: The network.
        einsum: Any operator whose accesses are known.
        architecture: The machine.
        compute: The unit that does it; the one that is done first, of those that can, if not given.
    """
    root = architecture.root.name
    actions = [
        Action(root, "read", 8 * bytes_touched(workload, einsum, name), name)
        for name in einsum.reads
    ]
    result = einsum.output.tensor
    actions.append(Action(root, "write", 8 * bytes_touched(workload, einsum, result), result))
    able = [u for u in able_units(einsum, architecture) if compute in ("", u.name)]
    steps: tuple[dict[str, int], ...] = ()
    taken: tuple[str, ...] = (STREAMED.format(root=root),)
    if able and operators_of(einsum):
        factors = multiplied(workload, einsum)
        cycles = {u.name: _cycles(einsum, u, architecture, work_share(factors, u)) for u in able}
        unit = min(able, key=lambda unit: cycles[unit.name])
        steps = ({unit.name: cycles[unit.name]},)
        copies = min(_points(einsum), architecture.copies(unit.name))
        points = share_of(_points(einsum), work_share(factors, unit))
        actions += [
            Action.compute(unit.name, points, operator=operator, copies=copies)
            for operator in work_of(einsum, unit)
        ]
        taken += told(factors, unit)
    return Counts(einsum.name, "stream", steps, tuple(actions), taken)


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


def _points(einsum: Einsum) -> int:
    return prod(rank.extent for rank in einsum.ranks)


def _cycles(einsum: Einsum, unit: Compute, architecture: Architecture, share: Fraction) -> int:
    rounds = share_of(-(-_points(einsum) // architecture.copies(unit.name)), share)
    return rounds * sum(unit.cycles_of(operator) for operator in work_of(einsum, unit))
