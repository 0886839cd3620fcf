"""Files of tensors and plain values with the digest of all that they hold; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from netwright.errors import NetwrightError, RunError
from netwright.files import write_atomic
from netwright.reading import check_plain
from netwright.train.digests import content_digest

_SEAL = "digest"
"""What a file holds besides: the digest of all else, so that nothing is lost or changed unseen."""


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file, whole or not at all.

    Args:
        path: The file.
        content: Tensors and plain values, nested in mappings and sequences; ``"version"`` says how
            they are laid out.

    Raises:
        RunError: The file cannot be written.
    """
    sealed = {**content, _SEAL: content_digest(dict(content))}
    write_atomic(path, lambda stream: torch.save(sealed, stream))


def read_sealed(path: Path, *, version: int) -> dict[str, Any] | None:
    """Read what :func:`write_sealed` wrote; ``None`` if there is no file.

    Raises:
        RunError: The file cannot be read, has another version, or was changed.
    """
    if not path.exists() and not path.is_symlink():
        return None
    try:
        check_plain(path)
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        if not isinstance(content, dict) or content.get("version") != version:
            raise RunError(
                f"{path}: is no checkpoint that this version can read",
                hint="remove it; it was written by another version or program",
            )
        seal = content.pop(_SEAL, None)
        if seal != content_digest(content):
            raise RunError(
                f"{path}: is not as it was written: what it holds has another digest",
                hint="remove it; the training then begins anew",
            )
    except RunError:
        raise
    except NetwrightError as error:
        raise RunError(error.message, hint="remove it") from None
    except Exception as error:  # torch raises what unpickling and zip files raise
        raise cannot_be_read(path, error) from None
    return content


def cannot_be_read(path: Path, error: Exception) -> RunError:
    """The error for a file that holds something else than it should."""
    return RunError(
        f"{path}: cannot be read as a checkpoint ({type(error).__name__})", hint="remove it"
    )
