"""Pictures of the study ``fusemax``: what its claims summarize, point by point."""

from __future__ import annotations

from pathlib import Path

from netwright import arch, mapping
from netwright.report import Panel, bars, lines, roofline
from netwright.studies.fusemax import LENGTHS, MODELS, _problem, _run, _spent

NAMES = {
    "flat": "FLAT", "cascade": "+Cascade", "architecture": "+Architecture", "binding": "+Binding",
    "wide": "ours",
}  # fmt: skip
LABELS = tuple(f"{n >> 20} M" if n >> 20 else f"{n >> 10} K" for n in LENGTHS)
TITLES = {"bert": "BERT", "trxl": "TrXL", "t5": "T5", "xlm": "XLM"}


def draw(folder: Path) -> tuple[Path, ...]:
    """Write all pictures into a folder.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    names = ("speed-up", "energy", "layer", "utilization", "buffer", "roofline")
    paths = {name: folder / f"{name}.svg" for name in names}
    bars(paths["speed-up"], _ratios(0), title="Attention, modelled", unit="speed-up over unfused",
         reference=1)  # fmt: skip
    bars(paths["energy"], _ratios(1), title="Attention, modelled", unit="energy over unfused",
         reference=1)  # fmt: skip
    bars(paths["layer"], _ratios(0, whole=True), title="Attention and six products, modelled",
         unit="speed-up over unfused", reference=1)  # fmt: skip
    lines(paths["utilization"], _utilization(), title="Attention, BERT, modelled",
          unit="share of the time that elements work")  # fmt: skip
    lines(paths["buffer"], _buffer(), title="What the buffer must hold for 256 queries of BERT",
          unit="bytes", logarithmic=True)  # fmt: skip
    machine = arch.find("fusemax")
    peak = sum(u.rate.value * machine.copies(u.name) for u in machine.units if u.rate is not None)
    memory = machine.memories[0]
    assert memory.bandwidth is not None
    roofline(paths["roofline"], _roof(), title="Attention at all points, modelled", peak=peak,
             bandwidth=memory.bandwidth.value)  # fmt: skip
    return tuple(paths.values())


def _ratios(what: int, *, whole: bool = False) -> list[Panel]:
    panels = []
    for model, title in TITLES.items():
        before = [_spent("unfused", (model, n), whole=whole)[what] for n in LENGTHS]
        series: dict[str, list[float | None]] = {}
        for way, name in NAMES.items():
            after = [_spent(way, (model, n), whole=whole)[what] for n in LENGTHS]
            pairs = zip(before, after, strict=True)
            series[name] = [a / b if what else b / a for b, a in pairs]
        panels.append(Panel(title, LABELS, series))
    return panels


def _utilization() -> list[Panel]:
    units = {"square_elements": "square array", "row_elements": "row"}
    return [
        Panel(
            title,
            LABELS,
            {
                name: [_run(way, ("bert", n)).utilization_by[unit] for n in LENGTHS]
                for way, name in NAMES.items()
            },
        )
        for unit, title in units.items()
    ]


def _buffer() -> list[Panel]:
    """The tiles of one mapping at every length: all that grows is what three passes keep."""
    series = {
        name: [
            mapping.kept_bytes(*_problem(way, ("bert", n), queries=256), "buffer") for n in LENGTHS
        ]
        for way, name in (("flat", "three passes (FLAT)"), ("binding", "one pass (+Binding)"))
    }
    return [Panel("", LABELS, series)]


def _roof() -> list[tuple[str, float, float]]:
    found = []
    for way, name in NAMES.items():
        for model in MODELS:
            for tokens in LENGTHS:
                cost = _run(way, (model, tokens))
                intensity = cost.num_operations / cost.bytes_moved["dram"]
                found.append((name, intensity, cost.num_operations / cost.seconds))
    return found
