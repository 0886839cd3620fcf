"""Which instruction sets the kernels can use here, and which they do use."""

from __future__ import annotations

import os
from types import ModuleType

from netwright.errors import ConfigError

try:
    from netwright.kernels import _native
except ImportError:
    native: ModuleType | None = None
else:
    native = _native

ISAS = ("numpy", "scalar", "avx2", "avx512-vnni", "avx512-vbmi", "amx-int8")
"""Every path a kernel may have; ``numpy`` is the reference, the others are compiled."""

VARIABLE = "NETWRIGHT_ISA"
"""The environment variable that forces a path."""


def available_isas() -> tuple[str, ...]:
    """The paths that this installation and this processor can execute, ``numpy`` first."""
    if native is None:
        return ("numpy",)
    return ("numpy", *native.supported_isas())


def selected_isa() -> str:
    """The path that kernels take unless their caller names one.

    The environment variable ``NETWRIGHT_ISA`` decides; without it, the fastest path.

    Raises:
        ConfigError: The variable names a path that does not exist or cannot be executed here.
    """
    forced = os.environ.get(VARIABLE, "")
    if forced:
        return check_isa(forced, path=VARIABLE)
    return "numpy" if native is None else str(native.preferred_isa())


def check_isa(isa: str, *, path: str = "isa") -> str:
    """Return `isa` if kernels can take that path here.

    Args:
        isa: Name of a path.
        path: Where the name comes from, for the message.

    Raises:
        ConfigError: There is no such path, or it cannot be executed here.
    """
    available = available_isas()
    if isa in available:
        return isa
    hint = f"available here: {', '.join(available)}"
    if isa not in ISAS:
        raise ConfigError(f'must be one of {", ".join(ISAS)}, not "{isa}"', path=path, hint=hint)
    if native is None:
        raise ConfigError(
            f'"{isa}" needs the compiled kernels, which this installation lacks',
            path=path,
            hint="install a C++ compiler, then install netwright again",
        )
    raise ConfigError(f'this processor cannot execute "{isa}"', path=path, hint=hint)
