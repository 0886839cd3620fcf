"""What hardware refuses of a network, found before anything is trained.

Backends look at operators, shapes and the names of layers, so a network with its first weights is
refused for the same reasons as a trained one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.errors import NumericsError
from netwright.flows.sections import CompressSection
from netwright.flows.stages.compress import compressor, subject
from netwright.flows.stages.generate import (
    GenerateParameters,
    generate_all,
    rtl_backend,
    soc_backend,
)

if TYPE_CHECKING:
    from torch import nn

    from netwright.backends.rtl.options import RtlOptions
    from netwright.tasks import Task

BITS = 8
"""Width of everything where widths are chosen later."""


def rehearse(
    name: str,
    model: nn.Module,
    task: Task,
    compress: CompressSection,
    files: Mapping[str, Path],
    hardware: GenerateParameters,
    folder: Path,
) -> None:
    """Make hardware of an untrained network.

    Unrolled Verilog, which takes whatever a graph has, is left out: it would take minutes.

    Args:
        name: Name of the graph, an identifier.
        model: The network; it is not changed.
        task: A few rows are enough.
        compress: How widths are chosen.
        files: Of that section, by name.
        hardware: What is to be made.
        folder: Where it is made, an empty folder.

    Raises:
        ConfigError: Options name a layer that is not there, or do not fit one.
        UnsupportedOp: A backend has no hardware for an operator.
        GraphError: Shapes are not accepted, or something is too large.
    """
    from netwright.compress import Fixed, apply_part, quantized_part, uniform
    from netwright.train import trace

    asked = _without_unrolled(hardware)
    if asked == GenerateParameters(hls=None, rtl=None):
        return
    given = subject(compress, model, task, {})
    chosen = compressor(compress, files)
    plan = (
        chosen.choose(given).plan
        if isinstance(chosen, Fixed)
        else uniform(given.shapes, weight_bits=BITS, activation_bits=BITS)
    ).with_rules(scale=compress.scale, granularity=compress.granularity)
    made = apply_part(model, plan, task, compress.module)
    graph = trace(quantized_part(made), name=name)
    try:
        generate_all(graph, asked, folder)
    except NumericsError:  # scales are those of the first weights
        return


def _without_unrolled(p: GenerateParameters) -> GenerateParameters:
    left_out: dict[str, None] = {}
    if p.rtl is not None and _is_unrolled(rtl_backend(p.rtl)):
        left_out["rtl"] = None
    if p.soc is not None and _is_unrolled(soc_backend(p.soc).network):
        left_out["soc"] = None
    return p.model_copy(update=left_out)


def _is_unrolled(options: RtlOptions) -> bool:
    return options.reuse_factor is None and options.shared is None
