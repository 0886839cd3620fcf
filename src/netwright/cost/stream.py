"""The stream engine: operators that go once through their operands, one after the other.

What is no product passes a compute unit that does its operators, all copies of it at once; the
outermost memory is read and written meanwhile. Where no unit does an operator, it takes the time
and energy of its bytes alone, and whoever asks is told which operators these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from netwright.arch import Architecture, Compute
from netwright.cost.counts import Action, Counts
from netwright.mapping.binding import able_units, operators_of, work_of
from netwright.mapping.zeros import multiplied, share_of, told, work_share
from netwright.workload import Einsum, Tensor, Workload, bytes_touched

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
    factors = multiplied(workload, einsum)
    done = operations(einsum, architecture, factors, compute=compute)
    taken = (STREAMED.format(root=root), *done.assumptions)
    return Counts(einsum.name, "stream", done.steps, (*actions, *done.actions), taken)


def operations(
    einsum: Einsum,
    architecture: Architecture,
    factors: Sequence[Tensor] = (),
    *,
    compute: str = "",
) -> Counts:
    """What units do for an Einsum, without what its operands and results move.

    Args:
        einsum: Any operator whose operations are known.
        architecture: The machine.
        factors: Operands whose zeros a unit may skip.
        compute: The unit that does it; the one that is done first, of those that can, if not given.

    Returns:
        Counts without any action where no unit does it, or there is nothing to do.
    """
    able = [u for u in able_units(einsum, architecture) if compute in ("", u.name)]
    if not able or not operators_of(einsum):
        return Counts(einsum.name, "stream", (), ())
    cycles = {u.name: _cycles(einsum, u, architecture, work_share(factors, u)) for u in able}
    unit = min(able, key=lambda unit: cycles[unit.name])
    copies = min(_points(einsum), architecture.copies(unit.name))
    points = share_of(_points(einsum), work_share(factors, unit))
    actions = tuple(
        Action.compute(unit.name, points, operator=operator, copies=copies)
        for operator in work_of(einsum, unit)
    )
    steps = ({unit.name: cycles[unit.name]},)
    return Counts(einsum.name, "stream", steps, actions, told(factors, unit))


def _points(einsum: Einsum) -> int:
    return prod(rank.extent for rank in einsum.ranks)


def _cycles(einsum: Einsum, unit: Compute, architecture: Architecture, share: Fraction) -> int:
    rounds = share_of(-(-_points(einsum) // architecture.copies(unit.name)), share)
    return rounds * sum(unit.cycles_of(operator) for operator in work_of(einsum, unit))
