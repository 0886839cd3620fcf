"""Random cascades: any mixture of maps, reductions, broadcasts and running values."""

from __future__ import annotations

import random

EXTENTS = {"m": 8, "n": 2, "p": 2}
UNARY = ("tanh", "negate", "sin", "absolute")


def random_text(seed: int, *, partitioned: bool = False, most: int = 9) -> str:
    """The text of a cascade over rank m (or m1 and m0) with one to `most` Einsums."""
    choose = random.Random(seed)
    extents = {"m1": 8, "m0": 2, "p": 2} if partitioned else dict(EXTENTS)
    streamed = "m1" if partitioned else "m"
    lines = ["rank " + ", ".join(f"{name} = {extent}" for name, extent in extents.items())]
    axes: dict[str, tuple[str, ...]] = {}
    running: set[str] = set()
    for index in range(choose.randint(1, 2)):
        own = tuple(r for r in extents if r == streamed or choose.random() < 0.5)
        axes[f"X{index}"] = own
        lines.append(f"input X{index}[{', '.join(own)}]")
    for index in range(choose.randint(1, most)):
        name = f"T{index}"
        sources = choose.choices(list(axes)[-4:], k=choose.randint(1, 3))
        if choose.random() < 0.6:  # what has been reduced, together with what has not
            short = [t for t in axes if streamed not in axes[t]]
            sources = [choose.choice([t for t in axes if t not in short]), *short[-1:]]
        used = tuple(r for r in extents if any(r in axes[source] for source in sources))
        if streamed in used and choose.random() < 0.2:
            lines += [f"initial {name} = 0", _running(choose, name, sources, axes, used, streamed)]
            running.add(name)
            axes[name] = used
            continue
        ends = choose.random() < 0.2 and sources[0] in running
        if ends:  # only the last running value
            used = tuple(r for r in used if r != streamed)
            sources = [s for s in sources if streamed not in axes[s]] + sources[:1]
        over = tuple(r for r in used if choose.random() < 0.4)
        kept = tuple(r for r in used if r not in over)
        extra = tuple(r for r in extents if r not in used and choose.random() < 0.1)
        made = tuple(r for r in extents if r in (*kept, *extra))
        reads = [
            _access(choose, source, axes[source], streamed, source in running, ends=ends)
            for source in sources
        ]
        body = (
            f" {choose.choice('*+-')} ".join(reads)
            if choose.random() < 0.7
            else (f"max({', '.join(reads)})")
        )
        if choose.random() < 0.4:
            body = f"{choose.choice(UNARY)}({body})"
        if over:
            body = f"{choose.choice(('add', 'max', 'min'))}({' '.join(over)}: {body})"
        lines.append(f"{_plain(name, made)} = {body}")
        axes[name] = made
    return "\n".join(lines) + "\n"


def _plain(name: str, axes: tuple[str, ...]) -> str:
    return f"{name}[{', '.join(axes)}]" if axes else name


def _access(
    choose: random.Random,
    name: str,
    axes: tuple[str, ...],
    streamed: str,
    is_running: bool,
    *,
    ends: bool,
) -> str:
    if not is_running:
        return _plain(name, axes)
    where = "last" if ends else choose.choice((streamed, f"{streamed} + 1"))
    return _plain(name, tuple(where if axis == streamed else axis for axis in axes))


def _running(
    choose: random.Random,
    name: str,
    sources: list[str],
    axes: dict[str, tuple[str, ...]],
    used: tuple[str, ...],
    streamed: str,
) -> str:
    made = tuple(f"{streamed} + 1" if axis == streamed else axis for axis in used)
    source = next(s for s in sources if streamed in axes[s])
    return f"{_plain(name, made)} = max({_plain(name, used)}, {_plain(source, axes[source])})"
