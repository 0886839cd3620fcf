"""``netwright convert``: a QONNX or HGQ2 file, from anywhere, to a certified design."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.cli.backend import make_backend
from netwright.cli.completion import names_of
from netwright.cli.console import emit, emit_json, hold_with, note, reporter, staging, typed_folder
from netwright.cli.exit_codes import FAILED, INCOMPLETE
from netwright.cli.figures import real, whole
from netwright.cli.run import JsonOption
from netwright.digits import is_plain_number
from netwright.errors import ConfigError

if TYPE_CHECKING:
    from netwright.backends import Backend
    from netwright.flows.certified import Certified
    from netwright.flows.conversion import Source
    from netwright.verify import Stimulus

OWN = "that of the backend"
"""What the help says of options that the backend decides."""

_LONGEST_NAME = 255
"""Characters of a file's name on common systems."""


def convert(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A QONNX file (.onnx) or one of HGQ2 (.keras).")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", parser=typed_folder, help="Folder for everything that is made."
        ),
    ],
    backend: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=names_of("backends"),
            help="hls: C++ for synthesis; rtl: Verilog; chip: Verilog whose weights are loaded "
            "over I2C; soc: a chip with a processor; cpu: this processor.",
        ),
    ] = "hls",
    part: Annotated[
        str | None,
        typer.Option(
            help="FPGA device; see `list parts` for rtl.",
            show_default=OWN,
            autocompletion=names_of("parts"),
        ),
    ] = None,
    clock_mhz: Annotated[
        float | None,
        typer.Option(
            parser=real(), metavar="X", help="Clock frequency in megahertz.", show_default=OWN
        ),
    ] = None,
    io_type: Annotated[
        str | None,
        typer.Option(help="hls: registers (io_parallel) or streams (io_stream).", show_default=OWN),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="hls: unroll (latency), or share multipliers (resource).", show_default=OWN
        ),
    ] = None,
    reuse_factor: Annotated[
        str | None,
        typer.Option(
            metavar="N|NODE=N,...",
            help="hls and rtl: uses of each multiplier for a row, one figure or one for each node.",
            show_default=OWN,
        ),
    ] = None,
    adders_per_stage: Annotated[
        int | None,
        typer.Option(
            parser=whole(),
            metavar="N",
            help="rtl: adders in series between two registers.",
            show_default=OWN,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="rtl: part of the hardware (fixed), or loaded into it (loadable).",
            show_default=OWN,
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other option of the backend."),
    ] = None,
    chip: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="rtl: a chip around the network, its options in a TOML file; weights come over "
            "I2C.",
        ),
    ] = None,
    route: Annotated[
        bool, typer.Option("--route", help="rtl: place and route; minutes to hours.")
    ] = False,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Rows of your own to verify on: .npz, .npy, .csv (a number: --random-rows).",
        ),
    ] = None,
    random_rows: Annotated[
        int,
        typer.Option(parser=whole(least=1), metavar="N", help="Random rows to verify on besides."),
    ] = 10_000,
    input_quant: Annotated[
        str | None,
        typer.Option(
            metavar="BITS[,SCALE]",
            help="Quantize inputs that the file leaves real, as in 8,0.0078125.",
        ),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until",
            metavar="TENSOR",
            help="Convert the part of the file that makes this tensor; the rest is the host's.",
        ),
    ] = None,
    quantize: Annotated[
        bool, typer.Option("--quantize", help="MODEL is a float ONNX file: quantize it first.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="quantize: rows to choose scales from."),
    ] = None,
    bits: Annotated[
        str | None,
        typer.Option(
            metavar="BITS|W,A", help="quantize: width of all codes, or of weights and activations."
        ),
    ] = None,
    bops: Annotated[
        float | None,
        typer.Option(
            parser=real(),
            metavar="X",
            help="quantize: choose every width within so many bit operations.",
        ),
    ] = None,
    quantizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|W,A",
            help="quantize: absmax or mse (integers); for the cpu backend also outlier, hadamard, "
            "mx, nvfp4, half, with options in brackets; see `list quantizers`.",
            show_default="mse",
            autocompletion=names_of("quantizers"),
        ),
    ] = None,
    scale: Annotated[
        Literal["power-of-two", "float"],
        typer.Option(help="quantize: rule for the scales of integers."),
    ] = "power-of-two",
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="quantize: classes of the rows, to tell the accuracy."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a QONNX or HGQ2 file into exact integers and a design, and show them equal to it.

    A float ONNX file is quantized with --quantize: the quantized file is written beside the rest,
    and the certificate tells how far its outputs are from those of the float file. The cpu backend
    takes float files as they are, too, and products in the formats of named quantizers.

    The first stage of the certificate is the file itself, run by the tool that it is meant for, in
    its own precision. Verilog is also proven, mapped to cells and, with --route, placed and routed.
    The last line is the verdict. Exit code 1 if a row differs without an explanation that was
    checked, or a proof fails; what is neither proven nor refuted is told. Exit code 5 if nothing
    differs, but no executor could run the file itself: the first stage is missing.
    """
    from netwright.backends.base import takes_reals
    from netwright.exchange import InputQuantizer
    from netwright.flows.certified import certify_design
    from netwright.flows.reals import open_model, quantize_model
    from netwright.run.preflight import require_for

    typed = {
        "part": part,
        "clock_mhz": clock_mhz,
        "io_type": io_type,
        "strategy": strategy,
        "reuse_factor": None if reuse_factor is None else reuse_factors(reuse_factor),
        "adders_per_stage": adders_per_stage,
        "weights": weights,
    }
    maker = _backend(backend, typed, chip=chip, route=route, assignments=assignments or ())
    require_for(f"backend {backend}", getattr(maker, "requires", ()))
    rows, random_rows = _counted(rows, random_rows)
    started = time.monotonic()
    quantized = None
    if quantize and input_quant is not None:
        raise ConfigError(
            "--quantize chooses the quantizers of the inputs; leave out --input-quant"
        )
    own = Path(rows) if rows is not None else None
    staged = staging()
    if until:
        model = _first_part(model, staged, until)
    if quantize:
        source, quantized, told = quantize_model(
            model, staged, quantizer=quantizer, backend=backend, reals=takes_reals(maker),
            calibrate=calibrate, bits=bits, bops=bops, scale=scale, rows=own, labels=labels,
        )  # fmt: skip
        note(quantized.sentence)
        for text in told:
            note(f"note: {text}")
        rows = rows or (None if source.graph.is_integer else str(calibrate))
    elif any(option is not None for option in (calibrate, bits, bops, labels, quantizer)):
        raise ConfigError(
            "--calibrate, --bits, --bops, --labels and --quantizer belong to --quantize"
        )
    else:
        wanted = None if input_quant is None else InputQuantizer.of(input_quant)
        source, why = open_model(model, reals=takes_reals(maker), rows=own, input_quantizer=wanted)
        if why:
            note(f"note: {model.name} is read with its real values: {why}")
    stimuli = _stimuli(source, rows, random_rows)
    for item in source.graph.notes:
        note(f"note: {item.node}: {item.text} (relative error {item.error:.1e})")
    hold_with(out, staged)
    made = certify_design(
        source, maker, out, stimuli, name=backend, route=route, quantized=quantized, began=started,
        tell=note, reporter=reporter(),
    )  # fmt: skip
    _show(made, out, as_json=as_json)
    if not made.certificate.holds:
        raise typer.Exit(FAILED)
    if made.certificate.first.missing is not None:
        raise typer.Exit(INCOMPLETE)


def _first_part(model: Path, folder: Path, names: Sequence[str]) -> Path:
    """The file that ends where the user wants, made in a folder."""
    from netwright.exchange.onnx.cut import cut_model

    if model.suffix.lower() != ".onnx":
        raise ConfigError("--until is for ONNX files", hint="end files of HGQ2 in Keras")
    part = cut_model(model, folder, names)
    note(f"note: {part.name} is the part of {model.name} that makes {', '.join(names)}")
    return part


def _backend(
    name: str,
    typed: Mapping[str, object],
    *,
    chip: Path | None,
    route: bool,
    assignments: Sequence[str],
) -> Backend:
    """The backend that was typed, with its options."""
    if chip is not None and name != "rtl":
        raise ConfigError("--chip belongs to --backend rtl")
    if route and name != "rtl":
        raise ConfigError("--route belongs to --backend rtl")
    if chip is not None and (typed["reuse_factor"] is not None or route):
        raise ConfigError("a chip has no --reuse-factor and is not placed on an FPGA with --route")
    return make_backend("chip" if chip else name, typed, file=chip, assignments=assignments)


def _show(made: Certified, out: Path, *, as_json: bool) -> None:
    """Print the certificate, its verdict last, or all of it as JSON."""
    from netwright.report import certificate_table, hardware_table

    certificate, hardware = made.certificate, made.hardware
    if as_json:
        shown = certificate.model_dump(mode="json")
        emit_json(
            {
                "verdict": certificate.verdict,
                "out": str(out),
                "first_stage": shown["first"],
                "quantized": shown["quantized"],
                "notes": shown["notes"],
                "unavailable": shown["unavailable"],
                "certificate": shown["rows"],
                "hardware": hardware.model_dump(mode="json") if hardware else None,
                "when": shown["when"],
            }
        )
        return
    emit(certificate_table(certificate.rows))
    if hardware:
        emit("")
        emit(hardware_table(hardware))
    emit("")
    emit(f"verdict: {certificate.verdict}")


def reuse_factors(text: str) -> int | dict[str, int]:
    """The reuse factors in what was typed: ``N``, or ``NODE=N`` for some nodes, with commas.

    >>> reuse_factors("16"), reuse_factors("conv1=9,fc=4")
    (16, {'conv1': 9, 'fc': 4})

    Raises:
        ConfigError: The text is neither.
    """
    try:
        if "=" not in text:
            return _whole(text)
        pairs = (entry.rpartition("=") for entry in text.split(","))
        return {name.strip(): _whole(factor) for name, _, factor in pairs}
    except ValueError:
        raise ConfigError(
            f'--reuse-factor must be a number, or NODE=NUMBER with commas between, not "{text}"',
            hint="for example --reuse-factor 16, or --reuse-factor conv1=9,fc=4",
        ) from None


def _whole(text: str) -> int:
    if not is_plain_number(text):
        raise ValueError(text)
    return int(text)


def _stimuli(source: Source, rows: str | None, random_rows: int) -> tuple[Stimulus, ...]:
    """What to compare on."""
    from netwright.flows.conversion import stimuli_for
    from netwright.flows.reals import drawn
    from netwright.verify import read_rows

    limits = source.file.limits if source.file is not None else {}
    own = read_rows(rows, source.graph, limits=limits) if rows is not None else None
    if source.written is not None or not source.graph.is_integer:
        return (own if own is not None else drawn(source.graph, random_rows),)
    return stimuli_for(source, own=own, random_rows=random_rows)


def _counted(rows: str | None, random_rows: int) -> tuple[str | None, int]:
    """The file of rows and the number of random ones; a bare number of rows means random ones."""
    from netwright.verify import check_random_rows

    if rows is not None and _is_count(rows):
        random_rows, rows = int(rows[:20]), None
    check_random_rows(random_rows)
    return rows, random_rows


def _is_count(rows: str) -> bool:
    """Whether what stands for rows is a number of them, not a file."""
    digits = rows.isascii() and rows.isdecimal()
    return digits and (len(rows) > _LONGEST_NAME or not Path(rows).exists())
