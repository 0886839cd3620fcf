"""The greedy split beside the proven one on random instances, and hardware evaluations a second.

Instances are two chains of up to twelve layers with the costs of random convolutions on random
pairs of the three templates; the limit lies between the shortest split and the cheapest one.
"""

from __future__ import annotations

import random
import sys
import time
from statistics import fmean, quantiles

from rich.console import Console

from netwright import arch
from netwright.arch import Accelerator, Figure, Sized, with_accelerators
from netwright.cost import units_of
from netwright.cost.dataflows import Shape, Window, work
from netwright.mapping import SplitProblem, Step, split_exactly, split_greedily

LAYERS, SHARES, EVALUATIONS = 12, (0.25, 0.5, 0.75), 3000


def layer(rng: random.Random) -> Shape:
    """A random convolution."""
    side, taps = rng.choice((7, 14, 28, 56)), rng.choice((1, 3, 3, 5))
    window = Window(side, taps, padding=taps // 2, extent=side)
    width = rng.choice((16, 32, 64, 128)), rng.choice((3, 16, 32, 64, 128))
    return Shape(1, 1, width[0], width[1], window, window, (8, 8, 8))


def accelerator(rng: random.Random, name: str) -> Accelerator:
    """A random accelerator."""
    port = Figure(value=rng.choice((8e9, 16e9, 32e9)), unit="B/s", source="drawn at random")
    return Accelerator(name=name, parent="dram", template=rng.choice(arch.templates()),
                       elements=rng.choice((128, 256, 512, 1024)), bandwidth=port)  # fmt: skip


def problem(rng: random.Random) -> SplitProblem:
    """Two chains on two accelerators, in cycles of 1 GHz and femtojoules."""
    machine = with_accelerators(arch.find("unlike_pair"), [accelerator(rng, n) for n in ("a", "b")])
    units = units_of(machine)
    steps: list[Step] = []
    for chain in range(2):
        for place in range(rng.randint(LAYERS // 2, LAYERS)):
            shape = layer(rng)
            costs = [unit.of_shape(shape) for unit in units]
            cycles = tuple(None if c is None else round(c.seconds * 1e9) for c in costs)
            energy = tuple(None if c is None else round(c.joules * 1e15) for c in costs)
            needs = (len(steps) - 1,) if place else ()
            steps.append(Step(f"{chain}.{place}", needs, cycles, energy))
    return SplitProblem(tuple(unit.name for unit in units), tuple(steps))


def compare(console: Console, count: int) -> None:
    """The gap of the greedy split, its misses, and the seconds of both."""
    gaps, missed, unproven, greedy_s, exact_s, same = [], 0, 0, [], [], 0
    for seed in range(count):
        own = problem(random.Random(seed))
        fastest = split_exactly(own).makespan
        cheapest = split_exactly(own, aim="energy").makespan
        limit = fastest + int(SHARES[seed % 3] * (cheapest - fastest))
        same += fastest == cheapest
        started = time.perf_counter()
        greedy = split_greedily(own, limit)
        greedy_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        exact = split_exactly(own, aim="energy", limit=limit)
        exact_s.append(time.perf_counter() - started)
        unproven += not exact.is_optimal
        if greedy is None:
            missed += 1
            continue
        assert greedy.energy >= exact.energy
        gaps.append(greedy.energy / exact.energy - 1)
    hit = sum(gap == 0 for gap in gaps)
    console.print(
        f"{count} instances ({same} without a choice): greedy misses {missed} that can be met; "
        f"of the others {hit / len(gaps):.0%} are optimal, mean gap {fmean(gaps):.3%}, "
        f"95 % below {quantiles(gaps, n=20)[-1]:.3%}, largest {max(gaps):.3%}"
    )
    console.print(
        f"greedy {1e3 * fmean(greedy_s):.2f} ms, exact {fmean(exact_s):.3f} s (longest "
        f"{max(exact_s):.3f} s), {unproven} not proven"
    )


def rate(console: Console) -> None:
    """Hardware-only evaluations: 24 layers on random pairs, new ones and as a search meets them."""
    rng = random.Random(0)
    layers = [layer(rng) for _ in range(2 * LAYERS)]
    for told in ("every size new", "every size and buffer new", "64 sizes"):
        started = time.process_time()
        for number in range(EVALUATIONS):
            elements = 64 * rng.randint(1, 64) if told == "64 sizes" else 512 + number
            buffer = (64 << 10) + 128 * number if "buffer" in told else 1 << 18
            for name in rng.sample(arch.templates(), 2):
                size = Sized(name, elements, 16e9, buffer)
                _ = size.area_m2
                for own in layers:
                    found = work(own, size)
                    if found is not None:
                        _ = max(found.cycles / 1e9, found.port_bits / 8 / size.bandwidth)
        spent = time.process_time() - started
        console.print(f"{EVALUATIONS / spent:.0f} evaluations a second of a core ({told})")


if __name__ == "__main__":
    screen = Console()
    rate(screen)
    compare(screen, int(sys.argv[1]) if sys.argv[1:] else 240)
