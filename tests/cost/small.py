"""Small machines and operations on which the mapper can be compared with exhaustive search."""

from __future__ import annotations

import random

from netwright import arch
from netwright.arch import Figure
from netwright.mapping import Operation, operation
from netwright.workload import Builder


def figure(value, unit="J"):
    return Figure(value=value, unit=unit, source="a test", fidelity="published")


def memory(name, parent="", *, size=None, speed=8.0, energy=1.0, **changes):
    """Speed in bytes a cycle of a nanosecond, energy in picojoules a byte."""
    return arch.Memory(
        kind="memory", name=name, parent=parent,
        capacity=None if size is None else figure(size, "B"), bandwidth=figure(1e9 * speed, "B/s"),
        read_energy=figure(1e-12 * energy), write_energy=figure(1.5e-12 * energy), **changes,
    )  # fmt: skip


def machine(*, size=64, register=12, fanout=(2, 2), speed=8.0, buffered=False):
    """A buffer, an array of registers that keep everything, and a compute unit."""
    return arch.Architecture(name="small", nodes=(
        memory("dram", speed=speed, energy=100.0),
        memory("pad", "dram", size=size, speed=64.0, energy=6.0, double_buffered=buffered),
        arch.Link(kind="link", name="bus", parent="pad", energy=figure(2e-12)),
        arch.Array(kind="array", name="grid", parent="bus", fanout=fanout,
                   ranks=(("C", "G"), ("M", "P"))),
        memory("reg", "grid", size=register, speed=64.0, energy=1.0, double_buffered=False),
        arch.Compute(kind="compute", name="mac", parent="reg", rate=figure(1e9, "op/s"),
                     energy=figure(1e-12), accumulator_bits=16),
    ))  # fmt: skip


def one_memory(**options):
    """The same with weights alone in registers: few enough chains to enumerate."""
    small = machine(**options)
    nodes = tuple(
        node.model_copy(update={"keeps": ("weight",)}) if node.name == "reg" else node
        for node in small.nodes
    )
    return small.model_copy(update={"nodes": nodes})


def conv(channels=4, features=4, extent=4, kernel=3, **options) -> Operation:
    b = Builder("small")
    b.conv(b.input((1, channels, extent, extent)), features, kernel, **options)
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def linear(rows=4, depth=6, features=4) -> Operation:
    b = Builder("small")
    b.linear(b.input((rows, depth)), features)
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def random_machine(rng: random.Random, keeps=("weight",)):
    """A buffer for all tensors, an array that takes every rank, and registers for some tensors."""
    return arch.Architecture(name="random", nodes=(
        memory("dram", speed=rng.choice([0.5, 1, 4]), energy=rng.choice([5, 50, 200])),
        memory("pad", "dram", size=rng.randint(6, 40), speed=rng.choice([1, 4, 16]),
               energy=rng.choice([1, 6, 20]), double_buffered=rng.random() < 0.5),
        arch.Link(kind="link", name="bus", parent="pad", energy=figure(rng.choice([0, 2e-12]))),
        arch.Array(kind="array", name="grid", parent="bus", fanout=(rng.choice([2, 3, 4]),),
                   multicasts=rng.random() < 0.7, reduces=rng.random() < 0.7),
        memory("reg", "grid", size=rng.randint(1, 8), speed=rng.choice([1, 8]),
               energy=rng.choice([0.1, 1, 5]), keeps=keeps, double_buffered=rng.random() < 0.5),
        arch.Compute(kind="compute", name="mac", parent="reg", rate=figure(1e9, "op/s"),
                     energy=figure(1e-12), accumulator_bits=rng.choice([8, 16])),
    ))  # fmt: skip
