"""Stage ``chip``: the network on a chip whose weights are loaded while data are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from netwright import ir
from netwright.files import write_text
from netwright.flows.certificate import write_certificate
from netwright.flows.graph import GRAPH
from netwright.flows.reloading import chip_rows
from netwright.flows.sections import AnyChip, AnyTask, ChipSection
from netwright.flows.stages.common import placed_options
from netwright.reading import read_typed
from netwright.registry import entries, resolve
from netwright.report.views import Views, Waves
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.backends import ChipDesign, RtlBackend
    from netwright.backends.rtl.chip import Reload

CHIP = "chip"
VIEWS = "views.json"

AROUND = 6
"""Clocks on either side of a commit that are drawn one by one."""

ShowCharges = Callable[[Mapping[str, Any]], tuple[NDArray[np.int64], tuple[int, ...]]]

_VIEWS = TypeAdapter(Views)


class ChipParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task, whose test rows enter.
        chip: Options of the chip.
    """

    task: AnyTask
    chip: AnyChip


def make_chip(context: StageContext[ChipParameters]) -> None:
    """Write the chip, load two weight sets over its bus while rows enter, and compare every word.

    A difference is written down, not raised: the report shall show it.
    """
    from netwright.backends.rtl.chip import check_chip

    p = context.parameters
    traced = ir.load(context.inputs["trace"] / GRAPH)
    charges, _ = _entering(p, context.inputs)
    generate_chip(traced, p, context.inputs, context.folder / CHIP)
    design = generate_chip(traced, p, context.inputs, context.scratch / CHIP)  # builds there
    graph = design.graph
    others = [other.graph for other in design.reloads(count=1)]
    reloads: list[Reload] = []
    found = check_chip(
        design,
        _drawn(design, p.chip.wafers) if charges is None else charges[: p.chip.wafers],
        [graph, *others],
        note=reloads.append,
        progress=context.progress,
    )
    write_certificate(chip_rows(found), context.folder)
    words = sum(row.words.crossings for row in found)
    views = chip_views(design, reloads[-1], words)
    write_text(context.folder / VIEWS, views.model_dump_json(indent=2) + "\n")


def generate_chip(
    graph: ir.Graph, p: ChipParameters, inputs: Mapping[str, Path], folder: Path
) -> ChipDesign:
    """Write the chip of a traced graph.

    Args:
        graph: As it is traced, outputs as wide as they come.
        p: Settings of the stage.
        inputs: Files of the task.
        folder: Where to.
    """
    from netwright.compress import sent_graph

    sent = sent_graph(graph, p.chip.options["latent_bits"][-1])
    made = chip_backend(p.chip, _entering(p, inputs)[1]).generate(sent, folder)
    return cast("ChipDesign", made)


def chip_backend(section: ChipSection, arrangement: tuple[int, ...] | None) -> RtlBackend:
    """The backend with the options of a flow.

    Args:
        section: The options.
        arrangement: The charge of every input, if the options do not say it.
    """
    if section.options.get("arrangement") is None and arrangement is not None:
        section = ChipSection.of(section.kind, **section.options | {"arrangement": arrangement})
    made = section.make("chip", {})
    return cast("RtlBackend", made)


def read_chip(folder: Path) -> Views:
    """The pictures that the stage wrote into its folder.

    Raises:
        DataError: There are none, or they are damaged.
    """
    return read_typed(folder / VIEWS, _VIEWS, what="is no description of pictures")


def _entering(
    p: ChipParameters, inputs: Mapping[str, Path]
) -> tuple[NDArray[np.int64] | None, tuple[int, ...] | None]:
    """Charges of the task's test split and where they go; nothing if it has none."""
    if p.task.kind not in entries("charges"):
        return None, None
    show = cast(ShowCharges, resolve("charges", p.task.kind))
    return show(placed_options(p.task, inputs))


def _drawn(design: ChipDesign, rows: int) -> NDArray[np.int64]:
    from netwright.backends.rtl.chip import random_charges

    return random_charges(rows, design.structure.cells, design.structure.options.charge_bits)


def chip_views(design: ChipDesign, reload: Reload, words: int) -> Views:
    """What a report shows of the chip: a reload, clock by clock.

    Args:
        design: The chip.
        reload: The last one that was seen.
        words: Words that were compared.
    """
    before, after = max(reload.begin - 40, 0), reload.commit + 200
    near = slice(reload.commit - AROUND, reload.commit + AROUND)
    modes, chip = design.structure.options.latent_bits, design.structure
    return Views(
        caption=(
            f"The network behind a normalizer, {design.bank.size} bytes of registers on an I2C "
            f"bus, {chip.cells} charges of {chip.options.charge_bits} bits, outputs of "
            f"{' or '.join(map(str, modes))} bits on up to {chip.words.num_links} links; from "
            f"charges to words {design.latency_cycles} clocks. Simulated by Verilator: {words} "
            "words, one in every clock, while two weight sets were loaded, the second in the "
            "middle of data taking."
        ),
        waves=(
            Waves(
                title="A reload: the command, then the check of the bank, then the commit",
                first=before,
                lines={"SCL": _levels(reload.scl[before:after]),
                       "SDA": _levels(reload.sda[before:after])},
                words={"weights": _told("generation", reload.generation[before:after])},
                marks={reload.end: "command given", reload.commit: "commit"},
            ),
            Waves(
                title="The commit between two crossings",
                first=near.start,
                words={
                    "crossing": tuple(map(str, reload.crossing[near].tolist())),
                    "weights": _told("generation", reload.generation[near]),
                    **{f"link {link}": tuple(f"{word:08x}" for word in reload.words[near, link])
                       for link in range(min(2, reload.words.shape[1]))},
                },
                marks={reload.commit: "first word of the new weights"},
            ),
        ),
    )  # fmt: skip


def _levels(line: NDArray[np.uint8]) -> str:
    return "".join(map(str, line.tolist()))


def _told(name: str, values: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(f"{name} {value}" for value in values.tolist())
