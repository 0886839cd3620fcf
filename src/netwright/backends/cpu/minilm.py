"""MiniLM-L6 on this machine: the files of its package, and our sparse version of it."""

from __future__ import annotations

import numpy as np

from netwright.backends.cpu.stored import EMBEDDINGS, StoredEncoder, load_encoder
from netwright.backends.cpu.weights import Array, tensor_shapes
from netwright.errors import DataError, require
from netwright.exchange.bert.package import installed_folder, minilm_folder
from netwright.exchange.bert.shape import is_number, read_config
from netwright.reading import check_plain, translated

WEIGHTS = "netwright_weights"
"""The package with our sparse encoders, which are larger than all of our code."""


def minilm_embeddings() -> dict[str, Array]:
    """The tensors of MiniLM-L6 whose names begin with ``embeddings.``.

    Raises:
        DataError: The file with the weights is missing or damaged.
        MissingExtra: The package with the weights, or safetensors, is not installed.
    """
    library = require("safetensors", extra="text", purpose="loading MiniLM-L6")
    folder = minilm_folder()
    path = folder / "model.safetensors"
    wanted = tensor_shapes(read_config(folder / "config.json"))
    names = [name for name in wanted if name.startswith(EMBEDDINGS)]
    check_plain(path)
    with (
        translated(path, "a file of tensors"),
        library.safe_open(str(path), framework="numpy") as file,
    ):
        return {name: np.asarray(file.get_tensor(name), np.float32) for name in names}


def sparse_minilm(sparsity: float = 0.8) -> StoredEncoder:
    """MiniLM-L6, fine-tuned on movie snippets, block-sparse and int8, as it is shipped.

    Args:
        sparsity: Share of zero blocks.

    Raises:
        DataError: There is none with this share, or the file or the embeddings were altered.
        MissingExtra: The package with our weights, or with the embeddings, is not installed.
    """
    if not is_number(sparsity):
        raise DataError(f"sparsity must be a number such as 0.8, not {sparsity!r}")
    folder = installed_folder(
        WEIGHTS, "netwright-weights", extra="weights", purpose="loading a sparse MiniLM-L6"
    )
    path = folder / f"minilm-snippets-{100 * sparsity:.0f}.nwt"
    if not path.is_file():
        shipped = sorted(item.name for item in path.parent.glob("*.nwt"))
        raise DataError(
            f"no sparse MiniLM-L6 with {sparsity:.0%} zeros is shipped",
            hint=f"shipped are {', '.join(shipped)}",
        )
    return load_encoder(path, minilm_embeddings())
