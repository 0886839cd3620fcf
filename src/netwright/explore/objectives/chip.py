"""Objective ``chip``: networks and a chip of templates together, with scores from a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from netwright import __version__, workload
from netwright.arch import Architecture
from netwright.arch.load import parse as parse_machine
from netwright.arch.load import tables as machine_tables
from netwright.cost import (
    Asked,
    Layers,
    NetworkSplit,
    Verdict,
    assess,
    layers_of,
    split_assessed,
)
from netwright.errors import ConfigError, DataError
from netwright.explore.objective import Tell, reached, unmeasured
from netwright.explore.parameter import Value
from netwright.explore.paths import changed
from netwright.explore.space import Space
from netwright.faults import closest
from netwright.mapping import check_solver
from netwright.records import read_records
from netwright.settings import Settings, check
from netwright.workload import Workload, fuse

VALUES = ("seconds", "joules", "area_m2", "score", "validation")

FAMILIES: Mapping[str, Callable[..., Workload]] = {
    "resnet9": workload.resnet9,
    "unet": workload.unet,
}


class NetworkOptions(Settings):
    """A network of a family, which is trained for a task.

    Attributes:
        task: Name of the task, as in the table of scores.
        family: ``"resnet9"`` or ``"unet"``.
        image: Channels, rows and columns.
        arguments: Those of the family that may be varied, in the order of the table's keys.
        weight: Share of the task's score in the mean.
    """

    task: str
    family: Literal["resnet9", "unet"]
    image: tuple[int, int, int]
    arguments: dict[str, int | tuple[int, ...]]
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _known_arguments(self) -> NetworkOptions:
        names = signature(FAMILIES[self.family]).parameters
        accepted = tuple(name for name in names if name != "image")
        for name in self.arguments:
            if name not in accepted:
                told = closest(name, accepted) or f"; it has {', '.join(accepted)}"
                raise ValueError(f'"{self.family}" has no argument "{name}"{told}')
        return self

    @property
    def numbers(self) -> Iterator[int]:
        """All numbers of the arguments."""
        for value in self.arguments.values():
            yield from (value,) if isinstance(value, int) else value

    @property
    def key(self) -> str:
        """How the table of scores calls it."""
        return f"{self.task} {'-'.join(map(str, self.numbers))}"


class ChipOptions(Settings):
    """Options of the objective.

    Attributes:
        networks: What runs on the chip at the same time.
        machine: Name of a machine whose units are accelerators of templates, or a TOML file.
        limit_s: Seconds that splits aim at.
        scores: Records of trainings, one JSON object a line, with the keys ``TASK NUMBERS SEED``.
        solver: When OR-Tools is asked for a split: ``"never"``, where the greedy one ``"misses"``
            the limit, or ``"always"``.
    """

    networks: tuple[NetworkOptions, ...] = Field(min_length=1)
    machine: str
    limit_s: float = Field(gt=0)
    scores: Path
    solver: Asked = "misses"

    def make(self, folder: Path | None = None) -> Chip:
        """The objective.

        Args:
            folder: Where relative paths start.
        """
        where = folder or Path()
        place = where / self.machine
        machine = str(place) if place.suffix and place.exists() else self.machine
        return Chip(self.networks, machine, self.limit_s, where / self.scores, self.solver)


class Made(Settings):
    """What a study keeps of the objective.

    Attributes:
        kind: Of the objective.
        networks: What runs on the chip at the same time.
        machine: Name of the machine, or its file.
        limit_s: Seconds that splits aim at.
        solver: When OR-Tools is asked for a split.
        given: Tables of the machine.
    """

    kind: Literal["chip"] = "chip"
    networks: tuple[NetworkOptions, ...] = Field(min_length=1)
    machine: str
    limit_s: float = Field(gt=0)
    solver: Asked = "misses"
    given: dict[str, object]


def remade(tables: Mapping[str, object], *, source: str) -> Chip:
    """The objective that a study was made with, without its scores.

    Raises:
        ConfigError: The tables are not those of one.
    """
    own = check(dict(tables), Made, source=source)
    return Chip(own.networks, own.machine, own.limit_s, Path(), own.solver, own.given)


@dataclass(frozen=True)
class Chip:
    """Networks on a chip: paths begin with ``networks[N].arguments.`` or ``machine.``.

    A trial is told of area, time and energy before any score is looked up: a constraint with
    ``prune`` ends it there, as a search would that had to train the networks.

    Attributes:
        networks: What runs on the chip at the same time.
        machine: Name of a machine, or a TOML file.
        limit_s: Seconds that splits aim at.
        scores: Records of trainings.
        solver: When an exact solver is asked for a split.
        given: Tables of the machine, where they are known already.
    """

    networks: tuple[NetworkOptions, ...]
    machine: str
    limit_s: float
    scores: Path
    solver: Asked = "misses"
    given: Mapping[str, object] | None = None
    _layers: dict[str, Layers] = field(default_factory=dict, compare=False, repr=False)
    _machines: dict[str, Architecture] = field(default_factory=dict, compare=False, repr=False)

    @property
    def digest(self) -> str:
        """Version of this package, contents of the files, and options."""
        content = [
            __version__, json.dumps(machine_tables(self.machine)), str(self.limit_s),
            self.solver, *(network.model_dump_json() for network in self.networks),
            json.dumps({key: sorted(found) for key, found in self._table.items()}),
        ]  # fmt: skip
        return f"chip {hashlib.sha256(chr(0).join(content).encode()).hexdigest()}"

    @property
    def tables(self) -> dict[str, object]:
        """Networks, machine and limit, of which :func:`remade` makes what draws a chip."""
        own = Made(networks=self.networks, machine=self.machine, limit_s=self.limit_s,
                   solver=self.solver, given=self._given)  # fmt: skip
        return own.model_dump(mode="json")

    def check(self, space: Space) -> None:
        """Refuse paths that lead nowhere, and values that are never measured.

        Raises:
            MissingExtra: OR-Tools is not installed, and may be asked.
        """
        if self.solver != "never":
            check_solver()
        found = [
            f'"{path}" reaches nothing; paths are networks[N].arguments.NAME and machine.PATH'
            for path in space.targets
            if not path.startswith(("networks[", "machine."))
        ]
        found += reached(space, self._changed, lambda tables: self._built(*tables)) * (not found)
        found += unmeasured(space, VALUES)
        known = tuple(sorted({key.rpartition(" ")[0] for key in self._table}))
        found += [
            f'{self.scores} has no scores for the task "{own.task}"'
            + (closest(own.task, known) or f"; it has {', '.join(known)}")
            for own in self.networks
            if own.task not in known
        ]
        if found:
            raise ConfigError(found)

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Split the networks on the chip, then look their scores up.

        Raises:
            DataError: The table has no score of a network.
        """
        networks, found = self._judged(settings)
        values = {"seconds": found.seconds, "joules": found.joules, "area_m2": found.area_m2}
        tell(values)
        return values | self.scores_of(networks)

    def judge(self, settings: Mapping[str, Value]) -> Verdict:
        """Time, energy and area of a point alone, and whether its split is proven."""
        return self._judged(settings)[1]

    def drawn(self, settings: Mapping[str, Value]) -> tuple[NetworkSplit, Architecture]:
        """The split of a point with its schedule, and the machine."""
        networks, machine = self._built(*self._changed(settings))
        own = [fuse(workload_of(network)) for network in networks]
        return split_assessed(own, machine, limit_s=self.limit_s, solver=self.solver), machine

    def seen(
        self, settings: Mapping[str, Value]
    ) -> tuple[list[NetworkOptions], list[Layers], Architecture]:
        """The networks of a point, as chips see them, and its machine."""
        networks, machine = self._built(*self._changed(settings))
        return networks, [self._seen(network, machine) for network in networks], machine

    def _judged(self, settings: Mapping[str, Value]) -> tuple[list[NetworkOptions], Verdict]:
        networks, layers, machine = self.seen(settings)
        return networks, assess(layers, machine, limit_s=self.limit_s, solver=self.solver)

    def scores_of(self, networks: Sequence[NetworkOptions]) -> dict[str, float]:
        """Weighted means of the scores on test and validation rows, over all seeds.

        Raises:
            DataError: The table has no score of a network.
        """
        means = {"score": 0.0, "validation": 0.0}
        total = sum(network.weight for network in networks)
        for network in networks:
            known = self._table.get(network.key)
            if known is None:
                raise DataError(f'has no network "{network.key}"', source=str(self.scores))
            for place, name in enumerate(means):
                means[name] += network.weight / total * fmean(pair[place] for pair in known)
        return means

    @cached_property
    def _table(self) -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {}
        for key, record in read_records(self.scores).items():
            score, validation = record.get("score"), record.get("validation")
            if not isinstance(score, float) or not isinstance(validation, float):
                raise DataError(f'"{key}" has no score and validation', source=str(self.scores))
            found.setdefault(key.rpartition(" ")[0], []).append((score, validation))
        if not found:
            raise DataError("holds no scores", source=str(self.scores))
        return found

    @cached_property
    def _given(self) -> dict[str, object]:
        return machine_tables(self.machine) if self.given is None else dict(self.given)

    def _changed(
        self, settings: Mapping[str, Value]
    ) -> tuple[dict[str, object], str, dict[str, object]]:
        """Tables of the networks, a name of what the machine is, and its tables."""
        own: dict[str, Value] = {}
        machine: dict[str, Value] = {}
        for path, value in settings.items():
            if path.startswith("machine."):
                machine[path.removeprefix("machine.")] = value
            else:
                own[path] = value
        tables: dict[str, object] = {
            "networks": [network.model_dump(mode="json") for network in self.networks]
        }
        return (
            changed(tables, own, source="the networks"),
            json.dumps(machine, default=str, sort_keys=True),
            changed(self._given, machine, source=self.machine),
        )

    def _built(
        self, tables: dict[str, object], name: str, machine: dict[str, object]
    ) -> tuple[list[NetworkOptions], Architecture]:
        listed = tables["networks"]
        assert isinstance(listed, list)
        try:
            networks = [NetworkOptions.model_validate_json(json.dumps(own)) for own in listed]
        except ValidationError as error:
            told = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"networks: {told}") from None
        if name not in self._machines:
            self._machines[name] = parse_machine(machine, source=self.machine)
        return networks, self._machines[name]

    def _seen(self, network: NetworkOptions, machine: Architecture) -> Layers:
        """The network as chips see it; equal ones once."""
        key = network.model_dump_json()
        if key not in self._layers:
            self._layers[key] = layers_of(fuse(workload_of(network)), machine)
        return self._layers[key]


def workload_of(network: NetworkOptions) -> Workload:
    """The network by its shapes.

    Raises:
        ConfigError: An argument is out of range.
    """
    return FAMILIES[network.family](image=network.image, **network.arguments)
