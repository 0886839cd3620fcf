"""How much of a network a total covers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from netwright.ir.einsums.einsum import Einsum
from netwright.workload.touched import bytes_touched
from netwright.workload.workload import Workload


@dataclass(frozen=True, slots=True)
class Coverage:
    """The part of a network that a total counts.

    Attributes:
        num_macs: Multiply-accumulates that are counted.
        all_macs: Those of the whole network, as far as they are known.
        num_bytes: Operands and results of the operators that are counted, once each.
        all_bytes: Those of all operators.
        missing: Operators that are not counted, each with the reason.
    """

    num_macs: int
    all_macs: int
    num_bytes: int
    all_bytes: int
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether something is counted, and nothing is missing."""
        return self.all_bytes > 0 and not self.missing

    def __str__(self) -> str:
        macs = f"{share(self.num_macs, self.all_macs)} of the MACs, " if self.all_macs else ""
        text = f"{macs}{share(self.num_bytes, self.all_bytes)} of the bytes"
        if not self.missing:
            return text
        number = len(self.missing)
        return f"{text}; {number} {'operator is' if number == 1 else 'operators are'} missing"


def share(part: int, whole: int) -> str:
    """Percent of a whole, rounded down: only all of it is 100 %.

    >>> share(1, 3), share(999_999, 1_000_000), share(0, 0)
    ('33.3 %', '99.9 %', '0 %')
    """
    if whole == 0:
        return "0 %"
    tenths = 1000 * part // whole
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"


def coverage(workload: Workload, missing: Collection[tuple[str, str]]) -> Coverage:
    """The coverage of totals over a workload.

    Args:
        workload: The network.
        missing: Names of the Einsums that are not counted, with reasons.
    """
    names = {name for name, _ in missing}
    counted = [einsum for einsum in workload.einsums if einsum.name not in names]
    inside = [einsum for einsum in workload.in_place if einsum.name not in names]
    return Coverage(
        sum(einsum.num_macs for einsum in (*counted, *inside)),
        workload.num_macs,
        sum(_num_bytes(workload, einsum) for einsum in counted),
        sum(_num_bytes(workload, einsum) for einsum in workload.einsums),
        tuple(missing),
    )


def opaque_operators(workload: Workload) -> tuple[tuple[str, str], ...]:
    """The operators that nobody knows, each with the reason why totals cannot include them."""
    reason = "what an opaque operator reads and computes is not known"
    return tuple((e.name, reason) for e in workload.einsums if e.map_op == "opaque")


def _num_bytes(workload: Workload, einsum: Einsum) -> int:
    names = dict.fromkeys((*einsum.reads, einsum.output.tensor))
    return sum(bytes_touched(workload, einsum, name) for name in names)
