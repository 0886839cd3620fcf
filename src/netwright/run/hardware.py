"""What the stages that implement hardware write: the design as proven and measured."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from netwright.errors import DataError
from netwright.files import write_text
from netwright.reading import MAX_TEXT_BYTES, read_bytes
from netwright.report import Hardware
from netwright.run.manifest import read_manifest

HARDWARE = "hardware.json"
STAGES = ("implement", "tables_rtl")


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
    path = folder / HARDWARE
    try:
        return Hardware.model_validate_json(read_bytes(path, most=MAX_TEXT_BYTES))
    except ValidationError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"is no description of hardware ({reason})", source=str(path)) from error


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
