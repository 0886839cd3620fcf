"""The generated project: hls4ml's model graph, built with every precision given, and its text."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from netwright.backends.hls.emulation_text import EMULATION_SOURCE, emulation_source
from netwright.backends.hls.layers import Firmware, Layer
from netwright.backends.hls.lookup import HEADER as LOOKUP_HEADER
from netwright.backends.hls.lookup import HEADER_TEXT as LOOKUP_TEXT
from netwright.backends.hls.lookup import KIND as LOOKUP
from netwright.backends.hls.lookup import register_lookup
from netwright.backends.hls.options import HlsOptions
from netwright.errors import BackendError, NetwrightError, refusal, require
from netwright.escape import identifier
from netwright.files import workspace
from netwright.ir import Graph

LOG = "hls4ml.log"
"""What hls4ml printed while it wrote the project."""

_CAPTURE = threading.RLock()

_STAMPED = ("build_lib.sh", "hls4ml_config.yml")


def top_name(graph: Graph) -> str:
    """The name of the top function: that of the graph, unless it means something else in C++."""
    return identifier(graph.name, default="model")


def write_project(
    firmware: Firmware,
    options: HlsOptions,
    folder: Path,
    *,
    name: str,
    stamp: str,
) -> None:
    """Write the project into `folder`.

    Args:
        firmware: The layers.
        options: What the design is made for.
        folder: An existing folder.
        name: Name of the project and of its top function.
        stamp: Eight characters that replace the random ones hls4ml puts into its scripts.

    Raises:
        MissingExtra: hls4ml is not installed.
        BackendError: hls4ml failed, or changed a register.
    """
    with workspace(Path(tempfile.gettempdir()), mode=0o700) as temporary:
        plain = temporary / "project"  # hls4ml writes the name of its folder into files
        plain.mkdir()
        _write_project(firmware, options, plain, name, stamp)
        shutil.copytree(plain, folder, dirs_exist_ok=True)


def _write_project(
    firmware: Firmware, options: HlsOptions, folder: Path, name: str, stamp: str
) -> None:
    printed = io.StringIO()
    with captured(printed):
        graph_module = require("hls4ml.model.graph", extra="hls", purpose="the HLS backend")
        tables = any(layer.kind == LOOKUP for layer in firmware.layers)
        if tables:
            register_lookup(options.backend)
        try:
            model = graph_module.ModelGraph.from_layer_list(
                _config(firmware, options, folder, name),
                [_entry(layer) for layer in firmware.layers],
                inputs=[view.layer for view in firmware.host.values()],
                outputs=list(firmware.outputs),
            )
            _confirm(firmware, model)
            model.config.trace_output = True
            model.write()
        except NetwrightError:
            raise
        except Exception as error:
            if refused := refusal(error):
                raise refused from error
            raise BackendError(
                f"hls4ml could not write the project ({type(error).__name__}: {error})",
                hint="this graph passed every check of netwright; please report it",
            ) from error
    _settle_text(folder, str(model.config.config["Stamp"]), stamp)
    _silence_test_bench(folder / f"{name}_test.cpp")
    if tables:
        header = folder / "firmware" / "nnet_utils" / LOOKUP_HEADER
        header.write_text(LOOKUP_TEXT, encoding="utf-8")
    _separate_guards(folder / "firmware" / "nnet_utils")
    log = printed.getvalue().replace(str(folder), ".")
    (folder / LOG).write_text(log, encoding="utf-8")
    weights = [(str(w.name), str(w.type.name)) for w in model.get_weight_variables()]
    source = emulation_source(firmware, name, weights)
    (folder / EMULATION_SOURCE).write_text(source, encoding="utf-8")


@contextmanager
def captured(printed: io.StringIO) -> Iterator[None]:
    """Send what hls4ml prints and warns about to `printed`."""

    def note(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        printed.write(f"{category.__name__}: {message}\n")

    # What is replaced belongs to the whole process: one thread at a time.
    with _CAPTURE, warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
        warnings.simplefilter("default")
        warnings.showwarning = note
        yield


def _config(firmware: Firmware, options: HlsOptions, folder: Path, name: str) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {}
    for layer in firmware.layers:
        shared = options.strategy == "resource" and layer.products is not None
        entries[layer.name] = {
            "Precision": {key: held.ap_fixed_name() for key, held in layer.registers.items()},
            "ReuseFactor": options.reuse_factor_of(layer),
            "Strategy": "Resource" if shared else "Latency",
            "Trace": True,
        }
    return {
        "Backend": options.backend,
        "ProjectName": name,
        "OutputDir": str(folder),
        "Part": options.part,
        "ClockPeriod": float(f"{1000 / options.clock_mhz:.6g}"),
        "IOType": options.io_type,
        "HLSConfig": {
            "Model": {
                "Precision": {"default": "fixed<2,1>"},
                "ReuseFactor": 1,
                "Strategy": options.strategy.capitalize(),
            },
            "LayerName": entries,
        },
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": False,
            "WriteTar": False,
            "TBOutputStream": "both",
            "WriteEmulationConstants": False,
        },
    }


def _entry(layer: Layer) -> dict[str, Any]:
    attributes = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in layer.attributes.items()
    }
    return {
        "name": layer.name,
        "class_name": layer.kind,
        "inputs": list(layer.inputs),
        **attributes,
        **{key: value.copy() for key, value in layer.arrays.items()},
    }


def _confirm(firmware: Firmware, model: Any) -> None:
    """Check that no optimization of hls4ml dropped a layer or changed its registers."""
    for layer in firmware.layers:
        found = model.graph.get(layer.name)
        if layer.kind == "Reshape":
            continue
        if found is None:
            raise BackendError(f'hls4ml removed the layer "{layer.name}" ({layer.kind})')
        for key, register in layer.registers.items():
            if key == "result":
                actual = found.get_output_variable().type.precision
            else:
                actual = found.get_attr(f"{key}_t").precision
            wanted = model.config.backend.convert_precision_string(register.ap_fixed_name())
            if _meaning(actual) != _meaning(wanted) and not (
                key == "bias" and "bias_data" not in layer.arrays
            ):
                raise BackendError(
                    f'hls4ml gave the {key} register of layer "{layer.name}" the type {actual}, '
                    f"not {wanted}"
                )


def _meaning(precision: Any) -> tuple[int, int, bool, str, str]:
    return (
        precision.width,
        precision.integer,
        bool(precision.signed),
        str(precision.rounding_mode).removeprefix("RoundingMode."),
        str(precision.saturation_mode).removeprefix("SaturationMode."),
    )


def _silence_test_bench(path: Path) -> None:
    """Tracing is for the emulation; the vendor's simulation would write a log of every layer."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("trace_enabled = true", "trace_enabled = false"), encoding="utf-8")


def _separate_guards(headers: Path) -> None:
    """Give headers that share an include guard one each: else the second is never included.

    hls4ml 1.3 has one for depthwise convolutions of one and of two dimensions.
    """
    taken: set[str] = set()
    for path in sorted(headers.glob("*.h")):
        text = path.read_text(encoding="utf-8")
        found = re.search(r"^#ifndef (\w+)$", text, re.M)
        if found and found[1] in taken:
            own = f"{path.stem.upper()}_H_"
            path.write_text(re.sub(rf"\b{found[1]}\b", own, text), encoding="utf-8")
        elif found:
            taken.add(found[1])


def _settle_text(folder: Path, random_stamp: str, stamp: str) -> None:
    """Replace what differs from one writing to the next: the random stamp and the folder.

    YAML quotes a stamp that happens to look like a number.
    """
    for name in _STAMPED:
        path = folder / name
        text = path.read_text(encoding="utf-8").replace(f"'{random_stamp}'", random_stamp)
        path.write_text(
            text.replace(random_stamp, stamp).replace(str(folder), "."), encoding="utf-8"
        )
