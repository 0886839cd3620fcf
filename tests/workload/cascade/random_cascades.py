"""Random cascades: any mixture of maps, reductions, broadcasts and running values."""

from __future__ import annotations

import random

EXTENTS = {"m": 4, "n": 3, "p": 2}
UNARY = ("tanh", "negate", "sin", "absolute")


def random_text(seed: int, *, partitioned: bool = False, most: int = 9) -> str:
    """The text of a cascade over rank m (or m1 and m0) with one to `most` Einsums."""
    choose = random.Random(seed)
    extents = {"m1": 3, "m0": 2, "p": 2} if partitioned else dict(EXTENTS)
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
        used = tuple(r for r in extents if any(r in axes[source] for source in sources))
        if streamed in used and choose.random() < 0.2:
            lines += [f"initial {name} = 0", _running(choose, name, sources, axes, used, streamed)]
            running.add(name)
            axes[name] = used
            continue
        over = tuple(r for r in used if choose.random() < 0.4)
        kept = tuple(r for r in used if r not in over)
        extra = tuple(r for r in extents if r not in used and choose.random() < 0.1)
        made = tuple(r for r in extents if r in (*kept, *extra))
        reads = [_access(choose, source, axes[source], streamed, source in running)
                 for source in sources]  # fmt: skip
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
    choose: random.Random, name: str, axes: tuple[str, ...], streamed: str, is_running: bool
) -> str:
    if not is_running:
        return _plain(name, axes)
    after = f"{streamed} + 1"
    where = choose.choice((streamed, after))
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
