"""Spaces of the study nasaic: networks, halves of a chip, and specifications as constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from netwright import explore

TASKS = {"fashion-mnist": ("resnet9", (1, 28, 28)), "digits": ("resnet9", (1, 8, 8)),
         "nuclei": ("unet", (1, 64, 64))}  # fmt: skip
WORKLOADS = {"classes and nuclei": ("fashion-mnist", "nuclei"),
             "classes and digits": ("fashion-mnist", "digits"),
             "classes twice": ("fashion-mnist", "fashion-mnist")}  # fmt: skip
LEVELS = {"generous": 0.9, "loose": 0.6, "middle": 0.4, "tight": 0.25}
"""Quantile of each cost, over random points that are drawn before any search, that is specified."""

NETWORKS: Mapping[str, tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...]] = {
    "resnet9": (("stem", ("stem",), (4, 16)), ("filters1", ("filters[0]",), (8, 32)),
                ("filters2", ("filters[1]",), (16, 64)), ("filters3", ("filters[2]",), (32, 128)),
                ("skips", ("skips[0]", "skips[1]", "skips[2]"), (0, 1))),
    "unet": (("height", ("height",), (1, 2, 3)), ("filters", ("filters",), (4, 8)),
             ("repeats", ("repeats",), (1, 2))),
}  # fmt: skip
"""Decisions of each family: name, arguments that it sets, and values."""

FIRST: Mapping[str, Mapping[str, object]] = {
    "resnet9": {"stem": 4, "filters": (8, 16, 32), "skips": (0, 0, 0)},
    "unet": {"height": 1, "filters": 4, "repeats": 1},
}
HALVES = ("channels", "pixels")
TEMPLATES = ("nvdla", "shidiannao", "row_stationary")
ELEMENTS, PORTS = 1024, (4e9, 8e9, 16e9, 24e9, 28e9)
COSTS = ("seconds", "joules", "area_m2")
Point = dict[str, explore.Value]


@dataclass(frozen=True)
class Specification:
    """Limits of a workload at a level, and the bounds that scale violations.

    Attributes:
        limits: Seconds, joules and square meters.
        bounds: The largest of each over the random points.
    """

    limits: tuple[float, ...]
    bounds: tuple[float, ...]

    def constraints(self) -> tuple[explore.Constraint, ...]:
        """A trial that breaks one ends before scores are known."""
        return tuple(
            explore.Constraint(
                rule=f"{name} <= {limit!r}", name=name, scale=bound - limit, prune=True
            )
            for name, limit, bound in zip(COSTS, self.limits, self.bounds, strict=True)
        )

    def is_met(self, values: Mapping[str, float]) -> bool:
        """Whether all costs are within the limits."""
        return all(values[n] <= limit for n, limit in zip(COSTS, self.limits, strict=True))


def networks(workload: str) -> tuple[dict[str, object], ...]:
    """The networks of a workload with their first arguments."""
    named = ((task, *TASKS[task]) for task in WORKLOADS[workload])
    return tuple(
        {"task": task, "family": family, "image": image, "arguments": FIRST[family]}
        for task, family, image in named
    )


def choices(family: str) -> Iterator[tuple[int, ...]]:
    """The decisions of all networks of a family."""
    return product(*(values for _, _, values in NETWORKS[family]))


def arguments(family: str, decided: tuple[int, ...]) -> dict[str, object]:
    """The arguments of a network by its decisions."""
    if family == "resnet9":
        stem, *filters, skips = decided
        return {"stem": stem, "filters": tuple(filters), "skips": (skips,) * 3}
    return dict(zip(FIRST[family], decided, strict=True))


def parameters(workload: str, kind: str = "unlike") -> tuple[explore.Parameter, ...]:
    """What is varied: decisions of the networks, then of the halves of the chip."""
    found: list[explore.Parameter] = []
    for place, task in enumerate(WORKLOADS[workload]):
        for name, targets, values in NETWORKS[TASKS[task][0]]:
            paths = tuple(f"networks[{place}].arguments.{target}" for target in targets)
            found.append(
                explore.Choice(name=f"{name}_{place}", paths=paths, values=values, ordered=True)
            )
    halves = HALVES[:1] if kind == "single" else HALVES
    places = [f"machine.accelerators.{half}" for half in halves]
    if kind in ("alike", "single"):
        paths = tuple(f"{place}.template" for place in places)
        found.append(explore.Choice(name="template", paths=paths, values=TEMPLATES))
    for number, where in enumerate(places):
        if kind == "unlike":
            found.append(explore.Choice(name=f"template_{number}", values=TEMPLATES,
                                        paths=(f"{where}.template",)))  # fmt: skip
        sizes = tuple(range(64, ELEMENTS + (kind == "single"), 64))
        found.append(explore.Choice(name=f"elements_{number}", paths=(f"{where}.elements",),
                                    values=sizes, ordered=True))  # fmt: skip
        found.append(explore.Choice(name=f"port_{number}", paths=(f"{where}.bandwidth",),
                                    values=PORTS, ordered=True))  # fmt: skip
    return tuple(found)


def space(workload: str, specification: Specification | None, fixed: Point | None = None,
          kind: str = "unlike") -> explore.Space:  # fmt: skip
    """The space of a workload; fixed decisions have one value: the switches of the selector."""
    own = fixed or {}
    varied = tuple(
        explore.Choice(name=p.name, paths=p.paths, values=(own[p.name],)) if p.name in own else p
        for p in parameters(workload, kind)
    )
    texts = (f"elements_0 + elements_1 <= {ELEMENTS}", "port_0 + port_1 <= 32e9")
    rules = tuple(explore.Constraint(rule=text) for text in texts if kind != "single")
    limits = specification.constraints() if specification else ()
    goal = explore.Goal(value="validation", direction="maximize", scale=0.05)
    return explore.Space(parameters=varied, goals=(goal,), constraints=(*rules, *limits))
