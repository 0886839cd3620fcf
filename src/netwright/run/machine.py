"""The machine and the libraries that a run used, as far as results can depend on them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from netwright.processes import usable_cores

LIBRARIES = ("numpy", "torch", "scipy", "onnx", "qonnx", "hls4ml", "matplotlib", "pydantic")
"""Packages whose versions a manifest records."""

_FLAGS = ("sse4_2", "avx2", "fma", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve")
_CPU_INFO = Path("/proc/cpuinfo")


class Machine(BaseModel):
    """Where a run took place.

    Attributes:
        python: Version of the interpreter.
        system: Operating system and architecture.
        cpu: Model of the processor; empty where the system does not tell.
        flags: Instruction sets that numeric libraries choose their code by.
        cores: Cores this process may use.
        libraries: Installed versions of :data:`LIBRARIES`.
    """

    model_config = ConfigDict(frozen=True)

    python: str
    system: str
    cpu: str
    flags: tuple[str, ...]
    cores: int
    libraries: dict[str, str]


def machine() -> Machine:
    """Describe this machine."""
    fields = _cpu_fields()
    present = set((fields.get("flags") or fields.get("Features") or "").split())
    return Machine(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=fields.get("model name", platform.processor()),
        flags=tuple(flag for flag in _FLAGS if flag in present),
        cores=usable_cores(),
        libraries={name: found for name in LIBRARIES if (found := installed(name))},
    )


def installed(distribution: str) -> str | None:
    """Installed version of a distribution, without importing it; ``None`` when it is missing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _cpu_fields() -> dict[str, str]:
    if not _CPU_INFO.exists():
        return {}
    first = _CPU_INFO.read_text(errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
