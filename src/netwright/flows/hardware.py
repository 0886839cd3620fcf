"""What the stages that implement hardware write: the design as proven and measured."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from netwright.files import write_text
from netwright.reading import read_typed
from netwright.report import Hardware
from netwright.run.manifest import read_manifest

HARDWARE = "hardware.json"
STAGES = ("implement", "tables_rtl")

_HARDWARE = TypeAdapter(Hardware)


def write_hardware(hardware: Hardware, folder: Path) -> Path:
    """Write it into a stage's folder.

    Raises:
        RunError: The folder cannot be written.
    """
    return write_text(folder / HARDWARE, hardware.model_dump_json(indent=2) + "\n")


def read_hardware(folder: Path) -> Hardware:
    """What the stage wrote into its folder.

    Raises:
        DataError: There is nothing, or it is damaged.
    """
    return read_typed(folder / HARDWARE, _HARDWARE, what="is no description of hardware")


def hardware(folder: Path) -> tuple[Hardware, ...]:
    """Every design of the run in `folder`; none if its flow implements none.

    Raises:
        RunError: The folder is not a run.
        StaleRun: The run was written by another version.
        DataError: A stage has not ended yet, or its output is damaged.
    """
    manifest = read_manifest(folder)
    entries = [manifest.stage(stage) for stage in STAGES]
    return tuple(read_hardware(folder / entry.folder) for entry in entries if entry is not None)
