"""Spaces: parameters, what is wanted of a trial, and what it must keep to."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from netwright.errors import ConfigError
from netwright.explore.expression import Formula, Rule, parse_formula, parse_rule
from netwright.explore.parameter import Choice, Parameter, Point, Real, Value, at_share, holds
from netwright.faults import closest
from netwright.settings import Settings

MOST_DRAWS = 2000
"""Points that are drawn to find one that meets all rules."""

MOST_LISTED = 50_000
"""Points of a space that is looked through whole."""

Direction = Literal["minimize", "maximize"]


class Goal(Settings):
    """A value that shall be small or large.

    Attributes:
        value: Name of the value.
        direction: What is better.
        scale: A difference that matters, for proposers that add goals up; found from the trials if
            not given.
        weight: Share of this goal where goals are added up.
    """

    value: str = Field(min_length=1)
    direction: Direction = "minimize"
    scale: float | None = Field(default=None, gt=0)
    weight: float = Field(default=1.0, ge=0)

    def cost(self, values: Mapping[str, float]) -> float:
        """The value, or what is to be maximized with the other sign: less is better."""
        value = values[self.value]
        return value if self.direction == "minimize" else -value


class Constraint(Settings):
    """An inequality between parameters and values.

    Attributes:
        rule: Plain arithmetic such as ``"area_m2 <= 4e-6"``.
        name: How messages call it; the rule if not given.
        scale: Violation that weighs as much as one goal's scale, for proposers that add them up;
            found from the trials if not given.
        prune: Whether a trial that breaks it ends as soon as that is known.
    """

    rule: str
    name: str = ""
    scale: float | None = Field(default=None, gt=0)
    prune: bool = False

    @model_validator(mode="after")
    def _readable(self) -> Self:
        parse_rule(self.rule)
        return self

    @cached_property
    def parsed(self) -> Rule:
        """The rule, read."""
        return parse_rule(self.rule)

    @property
    def title(self) -> str:
        """How messages call it."""
        return self.name or self.rule


class Derived(Settings):
    """A value that is computed from parameters and other values.

    Attributes:
        name: How goals and constraints call it.
        formula: Plain arithmetic such as ``"rows * columns"``.
    """

    name: str = Field(min_length=1)
    formula: str

    @model_validator(mode="after")
    def _readable(self) -> Self:
        parse_formula(self.formula)
        return self

    @cached_property
    def parsed(self) -> Formula:
        """The formula, read."""
        return parse_formula(self.formula)


class Space(Settings):
    """What is searched.

    Attributes:
        parameters: What is varied; conditions name earlier ones.
        goals: What is wanted, one or several.
        constraints: What must hold. One that names parameters only is a rule of the space: no
            proposal breaks it.
        derived: Values that are computed; each may use those before it.
    """

    parameters: tuple[Parameter, ...] = Field(min_length=1)
    goals: tuple[Goal, ...] = Field(min_length=1)
    constraints: tuple[Constraint, ...] = ()
    derived: tuple[Derived, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = [*_parameter_faults(self.parameters), *_name_faults(self), *_unlike_numbers(self)]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def targets(self) -> tuple[str, ...]:
        """The dotted paths that parameters set."""
        return tuple(dict.fromkeys(path for p in self.parameters for path in p.targets))

    def settings(self, point: Point) -> dict[str, Value]:
        """The value at every dotted path that a point sets."""
        return {
            path: point[parameter.name]
            for parameter in self.parameters
            if parameter.name in point
            for path in parameter.targets
        }

    @cached_property
    def rules(self) -> tuple[Constraint, ...]:
        """The constraints that speak of parameters only, also by what is computed of them."""
        own = set(self.names)
        for derived in self.derived:
            if own.issuperset(derived.parsed.names):
                own.add(derived.name)
        return tuple(c for c in self.constraints if own.issuperset(c.parsed.names))

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """The values that goals and constraints speak of, computed ones included."""
        own = set(self.names)
        found = [goal.value for goal in self.goals]
        for constraint in self.constraints:
            found += [name for name in constraint.parsed.names if name not in own]
        return tuple(dict.fromkeys(found))

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The values that the objective must measure."""
        formulas = {derived.name: derived.parsed.names for derived in self.derived}
        own = set(self.names)
        found: dict[str, None] = {}
        left = list(reversed(self.wanted))
        while left:
            name = left.pop()
            if name in formulas:
                left += [inner for inner in reversed(formulas[name]) if inner not in own]
            else:
                found[name] = None
        return tuple(found)

    def lacks(self, values: Mapping[str, float]) -> str | None:
        """A value that goals and constraints need and that is missing or no finite number."""
        names = (*self.needed, *self.wanted)
        return next((n for n in names if not math.isfinite(values.get(n, math.nan))), None)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what decides about proposals and margins."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def margins(self, point: Point, values: Mapping[str, float]) -> dict[str, float]:
        """By how much each constraint is met whose names all have values; negative if it is not."""
        numbers = {**_numbers(point), **values, **self.computed(point, values)}
        found: dict[str, float] = {}
        for constraint in self.constraints:
            if all(name in numbers for name in constraint.parsed.names):
                try:
                    margin = constraint.parsed.margin(numbers)
                except ArithmeticError:
                    margin = math.nan
                # Where there is no margin, the constraint is not met.
                found[constraint.title] = -math.inf if math.isnan(margin) else margin
        return found

    def computed(self, point: Point, values: Mapping[str, float]) -> dict[str, float]:
        """The derived values of which all parts are known; not a number where divided by 0."""
        numbers = {**_numbers(point), **values}
        found: dict[str, float] = {}
        for derived in self.derived:
            if all(name in numbers for name in derived.parsed.names):
                try:
                    found[derived.name] = derived.parsed.value(numbers)
                except ArithmeticError:
                    found[derived.name] = math.nan
                numbers[derived.name] = found[derived.name]
        return found

    def broken_rule(self, point: Point) -> Constraint | None:
        """The first rule that a point breaks."""
        margins = self.margins(point, {}) if self.rules else {}
        return next((rule for rule in self.rules if margins.get(rule.title, 0.0) < 0), None)

    def faults(self, point: Mapping[str, Value]) -> list[str]:
        """What keeps a point from being one of this space, a sentence each."""
        found = [
            f'"{name}" is not a parameter{closest(name, self.names)}'
            for name in point
            if name not in self.names
        ]
        for parameter in self.parameters:
            active = parameter.is_active(point)
            if active and parameter.name not in point:
                found.append(f'"{parameter.name}" is missing')
            elif not active and parameter.name in point:
                found.append(f'"{parameter.name}" does not exist beside the other values')
            elif active and not holds(parameter, point[parameter.name]):
                found.append(f'"{parameter.name}" cannot be {point[parameter.name]!r}')
        if not found and (rule := self.broken_rule(point)) is not None:
            found.append(f'"{rule.title}" is broken')
        return found

    def draw(self, random: np.random.Generator) -> dict[str, Value]:
        """A random point that meets all rules.

        Raises:
            ConfigError: None was found; the message names the rule.
        """
        broken: dict[str, int] = {}
        for _ in range(MOST_DRAWS):
            point = self._draw(random)
            rule = self.broken_rule(point)
            if rule is None:
                return point
            broken[rule.title] = broken.get(rule.title, 0) + 1
        raise _nothing_meets(max(broken, key=lambda title: broken[title]), MOST_DRAWS, whole=False)

    def _draw(self, random: np.random.Generator) -> dict[str, Value]:
        point: dict[str, Value] = {}
        for parameter in self.parameters:
            share = float(random.random())  # drawn for inactive ones too, so that others stay
            if parameter.is_active(point):
                point[parameter.name] = at_share(parameter, share)
        return point

    def points(self, *, levels: int = 5) -> Iterator[dict[str, Value]]:
        """Every point that meets all rules; real numbers are cut into `levels` values."""
        return self._points({}, 0, levels, self.broken_rule if self.rules else None)

    def _points(
        self,
        before: dict[str, Value],
        place: int,
        levels: int,
        broken: Callable[[Point], object] | None = None,
    ) -> Iterator[dict[str, Value]]:
        """All points that go on from the first values; none where those break a rule already."""
        if broken is not None and broken(before) is not None:
            return
        if place == len(self.parameters):
            yield dict(before)
            return
        parameter = self.parameters[place]
        if not parameter.is_active(before):
            yield from self._points(before, place + 1, levels, broken)
            return
        for value in _values(parameter, levels):
            yield from self._points({**before, parameter.name: value}, place + 1, levels, broken)

    def check(self) -> None:
        """Refuse a space in which no point meets the rules.

        Raises:
            ConfigError: None of all points, or of many random ones, does; the message names the
                rule that stands in the way.
        """
        if not self.rules:
            return
        if any(isinstance(parameter, Real) for parameter in self.parameters):
            self.draw(np.random.default_rng(0))
            return
        broken: dict[str, int] = {}
        count = 0
        for point in islice(self._points({}, 0, 2), MOST_LISTED):
            rule = self.broken_rule(point)
            if rule is None:
                return
            count += 1
            broken[rule.title] = broken.get(rule.title, 0) + 1
        worst = max(broken, key=lambda title: broken[title])
        if count == MOST_LISTED:
            self.draw(np.random.default_rng(0))
            return
        raise _nothing_meets(worst, count, whole=True)

    def complete(self, data: Mapping[str, object]) -> dict[str, Value]:
        """A point as it is read from JSON: arrays become tuples, in the order of the space.

        Raises:
            TypeError: Something in it is no value.
        """
        ordered = [name for name in self.names if name in data]
        others = [name for name in data if name not in self.names]
        return {name: _tuples(data[name]) for name in (*ordered, *others)}


def _numbers(point: Point) -> dict[str, float]:
    return {name: float(value) for name, value in point.items() if isinstance(value, int | float)}


def canonical(point: Point) -> str:
    """A point as text that is equal for equal points."""
    return json.dumps(dict(point), sort_keys=True, separators=(",", ":"))


def differences(before: Space, now: Space) -> list[str]:
    """In what two spaces differ, a sentence each."""
    found = []
    old = {parameter.name: parameter for parameter in before.parameters}
    new = {parameter.name: parameter for parameter in now.parameters}
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            found.append(f'parameter "{name}" was there')
        elif name not in old:
            found.append(f'parameter "{name}" is new')
        elif old[name] != new[name]:
            one, other = old[name].model_dump(), new[name].model_dump()
            fields = [field for field in {**one, **other} if one.get(field) != other.get(field)]
            found.append(f'parameter "{name}" differs in {" and ".join(fields)}')
    if before.goals != now.goals:
        found.append("the goals are others")
    if before.constraints != now.constraints:
        found.append("the constraints are others")
    if before.derived != now.derived:
        found.append("the derived values are others")
    if not found and before != now:
        found.append("the parameters have another order")
    return found


def _values(parameter: Parameter, levels: int) -> Sequence[Value]:
    if isinstance(parameter, Real):
        return [parameter.at(index / (levels - 1)) for index in range(levels)]
    return [parameter.level(index) for index in range(parameter.num_levels)]


def _tuples(value: object) -> Value:
    if isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, bool | int | float | str):
        raise TypeError
    return value


def _nothing_meets(title: str, count: int, *, whole: bool) -> ConfigError:
    looked = f"none of the {count} points" if whole else f"none of {count} random points"
    return ConfigError(
        f'no point of the space meets its constraints: "{title}" stands in the way most often '
        f"({looked} meets all of them)",
        hint="widen the constraint or the parameters that it names",
    )


def _unlike_numbers(space: Space) -> Iterator[str]:
    """What is computed of parameters that are no numbers."""
    others = {
        p.name: value
        for p in space.parameters
        if isinstance(p, Choice)
        for value in p.values
        if not isinstance(value, int | float)
    }
    formulas = [(f'derives "{d.name}" from', d.parsed.names) for d in space.derived]
    rules = [(f'has a constraint "{c.title}" on', c.parsed.names) for c in space.constraints]
    for what, names in (*formulas, *rules):
        for name in names:
            if name in others:
                yield f'{what} "{name}", which is {others[name]!r} and no number'


def _parameter_faults(parameters: Sequence[Parameter]) -> Iterator[str]:
    seen: dict[str, Parameter] = {}
    for parameter in parameters:
        if parameter.name in seen:
            yield f'has two parameters "{parameter.name}"'
        for parent, values in parameter.when.items():
            if parent not in seen:
                near = closest(parent, tuple(seen))
                yield (
                    f'has a parameter "{parameter.name}" that depends on "{parent}", '
                    f"which is no earlier parameter{near}"
                )
                continue
            for value in values:
                if not holds(seen[parent], value):
                    yield (
                        f'has a parameter "{parameter.name}" that depends on "{parent}" being '
                        f"{value!r}, which it never is"
                    )
        seen[parameter.name] = parameter


def _name_faults(space: Space) -> Iterator[str]:
    for what, names in (
        ("goals", [goal.value for goal in space.goals]),
        ("constraints", [constraint.title for constraint in space.constraints]),
        ("values", [derived.name for derived in space.derived]),
    ):
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f'has two {what} "{name}"'
    for goal in space.goals:
        if goal.value in space.names:
            yield f'has a goal "{goal.value}", which is a parameter, not a value'
    for place, derived in enumerate(space.derived):
        if derived.name in space.names:
            yield f'derives a value "{derived.name}", which is a parameter'
        later = {other.name for other in space.derived[place:]}
        for name in derived.parsed.names:
            if name in later:
                yield f'derives "{derived.name}" from "{name}", which is not derived before it'
