"""A decoder in the banks of a memory: what it needs to write a text down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Architecture
from netwright.errors import DataError
from netwright.ir import Graph
from netwright.mapping import BankRun, Banks, bank_arithmetic
from netwright.models import NextTokenBits, decoder_graph
from netwright.passes import BankArithmetic

TOGETHER = 1024
"""Tokens whose logits over all words are in memory at a time."""


def bits_in_banks(
    model: NextTokenBits,
    tokens: NDArray[np.integer],
    machine: Architecture,
    *,
    arithmetic: BankArithmetic | None = None,
    rules: Banks | None = None,
    num_threads: int = 1,
) -> NDArray[np.float64]:
    """Bits of every token behind the first, with every word read from its bank.

    It is what :class:`netwright.models.NextTokenBits` gives in float32, through
    :class:`netwright.mapping.BankRun`.

    Args:
        model: The decoder; it is not changed.
        tokens: (rows, tokens), two tokens or more.
        machine: A machine whose memory has a unit beside each bank.
        arithmetic: Of banks and host; that of the machine with all terms if not given.
        rules: Rules of the placement.
        num_threads: Threads of products.

    Returns:
        (rows, tokens - 1).

    Raises:
        DataError: The tokens are no such array.
        Infeasible: The decoder does not fit into the banks.
    """
    words = np.asarray(tokens)
    if words.ndim != 2 or words.shape[1] < 2 or words.dtype.kind not in "iu":
        raise DataError(f"tokens must be whole numbers (rows, 2 or more), not {words.dtype} of "
                        f"{words.shape}")  # fmt: skip
    graph: Graph = decoder_graph(model.decoder, words.shape[1] - 1)
    made = (arithmetic or bank_arithmetic(machine))(graph)
    run = BankRun.of(made, machine, rules=rules, num_threads=num_threads)
    step = max(1, TOGETHER // words.shape[1])
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(words), step):
        part = words[start : start + step]
        (logits,) = run.run(part[:, :-1].astype(np.float64)).values()
        found.append(next_token_bits(np.asarray(logits, np.float64), part[:, 1:]))
    return np.concatenate(found) if found else np.empty(words[:, 1:].shape)


def next_token_bits(
    logits: NDArray[np.floating], following: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Bits of the tokens that follow, from logits (rows, tokens, words).

    >>> next_token_bits(np.zeros((1, 2, 8)), np.array([[3, 5]])).tolist()
    [[3.0, 3.0]]
    """
    made = np.empty(following.shape, np.float64)
    for row, own in enumerate(logits):  # one at a time: all words are in memory
        wide = own - own.max(axis=-1, keepdims=True).astype(np.float64)
        chosen = np.take_along_axis(wide, following[row][:, None], axis=-1)[:, 0]
        made[row] = (np.log(np.exp(wide).sum(axis=-1)) - chosen) / np.log(2)
    return made
