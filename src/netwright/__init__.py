"""Codesign of neural networks and the hardware that runs them.

Rooms and functions are imported on first use, so ``import netwright`` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netwright import (
        arch,
        backends,
        compress,
        cost,
        exchange,
        explore,
        formats,
        ir,
        mapping,
        models,
        passes,
        report,
        studies,
        tasks,
        testing,
        train,
        verify,
        workload,
    )
    from netwright.compress import bops
    from netwright.ir import interpret
    from netwright.train import trace

__version__ = "0.1.0"

_ROOMS = (
    "arch",
    "backends",
    "compress",
    "cost",
    "exchange",
    "explore",
    "formats",
    "ir",
    "mapping",
    "models",
    "passes",
    "report",
    "studies",
    "tasks",
    "testing",
    "train",
    "verify",
    "workload",
)
_FUNCTIONS = {"bops": "compress", "interpret": "ir", "trace": "train"}

__all__ = [
    "arch",
    "backends",
    "bops",
    "compress",
    "cost",
    "exchange",
    "explore",
    "formats",
    "interpret",
    "ir",
    "mapping",
    "models",
    "passes",
    "report",
    "studies",
    "tasks",
    "testing",
    "trace",
    "train",
    "verify",
    "workload",
]


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
