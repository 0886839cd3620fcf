"""Several networks as one workload: they share a machine and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Access, Einsum
from netwright.workload.workload import Tensor, Workload


def joined(workloads: Sequence[Workload]) -> Workload:
    """The networks side by side; one alone stays as it is.

    Tensors and Einsums are called ``network.name``; of networks with the same name the second is
    called ``network_2``.

    Raises:
        GraphError: There is no network, or their operators are steps of different kinds.
    """
    if not workloads:
        raise GraphError("there is no network to join")
    if len(workloads) == 1:
        return workloads[0]
    kinds = dict.fromkeys(workload.granularity for workload in workloads)
    if len(kinds) > 1:
        raise GraphError(f"networks must be of one granularity, not {' and '.join(kinds)}")
    names: list[str] = []
    for workload in workloads:
        number = 1 + sum(known.name == workload.name for known in workloads[: len(names)])
        names.append(workload.name if number == 1 else f"{workload.name}_{number}")
    tensors, einsums, outputs, in_place = [], [], [], []
    for name, workload in zip(names, workloads, strict=True):
        tensors += [_called(own, f"{name}.") for own in workload.tensors]
        einsums += [_moved(einsum, f"{name}.") for einsum in workload.einsums]
        in_place += [_moved(einsum, f"{name}.") for einsum in workload.in_place]
        outputs += [f"{name}.{own}" for own in workload.outputs]
    taken = dict.fromkeys(text for workload in workloads for text in workload.assumptions)
    return Workload(
        " + ".join(names), tuple(tensors), tuple(einsums), tuple(outputs), next(iter(kinds)),
        tuple(taken), tuple(in_place),
    )  # fmt: skip


def _called(tensor: Tensor, prefix: str) -> Tensor:
    whole = prefix + tensor.part_of if tensor.part_of else ""
    return replace(tensor, name=prefix + tensor.name, part_of=whole)


def _moved(einsum: Einsum, prefix: str) -> Einsum:
    def own(access: Access) -> Access:
        return replace(access, tensor=prefix + access.tensor)

    return replace(
        einsum,
        name=prefix + einsum.name,
        output=own(einsum.output),
        inputs=tuple(own(access) for access in einsum.inputs),
    )
