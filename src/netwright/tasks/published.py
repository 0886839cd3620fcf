"""What others published for a task: points to stand beside our own, never to be mixed with them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from netwright.quantities import Quantity


@dataclass(frozen=True, slots=True)
class PublishedDesign:
    """A network in hardware, as its authors or others state it.

    Attributes:
        name: Of the design.
        data: On which data the accuracy was found; often others than those of our task.
        accuracy: 0 to 1.
        lut: Lookup tables.
        latency: Nanoseconds from an input to its outputs.
        fmax: Largest clock frequency, in MHz.
        lut_inputs: Inputs of its lookup tables.
        tools: Whose tools counted them, ``"vendor"`` or ``"open"``.
    """

    name: str
    data: str
    accuracy: Quantity
    lut: Quantity
    latency: Quantity
    fmax: Quantity
    lut_inputs: int
    tools: Literal["open", "vendor"]


@cache
def published_designs(task: str) -> tuple[PublishedDesign, ...]:
    """Published designs for the task of this name; none if nobody wrote any down."""
    path = files("netwright.tasks") / "data" / f"{task}.published.toml"
    if not path.is_file():
        return ()
    document = tomllib.loads(path.read_text(encoding="utf-8"))

    def figure(value: float, unit: str, source: str) -> Quantity:
        return Quantity(float(value), unit, source, "published")

    where = document["source"]
    made = f"{where}; {document['tool']}"
    return tuple(
        PublishedDesign(
            name=row["name"],
            data=row["data"],
            accuracy=figure(row["accuracy"], "", where),
            lut=figure(row["lut"], "LUT", made),
            latency=figure(row["latency_ns"], "ns", made),
            fmax=figure(row["fmax_mhz"], "MHz", made),
            lut_inputs=document["lut_inputs"],
            tools=document["tools"],
        )
        for row in document["designs"]
    )
