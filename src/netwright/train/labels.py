"""What labels must be for a text encoder to learn from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import DataError

UNLABELED = -1
"""The label of a sentence whose class is not known."""


def checked_labels(
    labels: ArrayLike, *, num_sentences: int, classes: int, taught: bool
) -> NDArray[np.int64]:
    """Labels as int64, (rows,).

    Args:
        labels: Whole numbers, 0 to `classes` - 1; :data:`UNLABELED` where not known.
        num_sentences: Rows that must have a label.
        classes: Classes of the encoder.
        taught: There is a teacher, so that labels need not be known.

    Raises:
        DataError: There is no sentence, or labels are missing, no whole numbers, or out of range.
    """
    if num_sentences == 0:
        raise DataError("there must be a sentence to learn from")
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one row of whole numbers, not {found.dtype} of shape {found.shape}"
        )
    if len(found) != num_sentences:
        raise DataError(f"{num_sentences} sentences must have as many labels, not {len(found)}")
    unknown = found == UNLABELED
    wrong = np.flatnonzero(((found < 0) | (found >= classes)) & ~unknown)
    if len(wrong):
        others = f", and {len(wrong) - 1} more are not accepted" if len(wrong) > 1 else ""
        raise DataError(
            f"the label of sentence {wrong[0]} must be 0 to {classes - 1}, or {UNLABELED} where a "
            f"teacher knows it, not {found[wrong[0]]}{others}"
        )
    if unknown.any() and not taught:
        raise DataError(
            f"sentence {np.flatnonzero(unknown)[0]} has no label",
            hint="give a teacher, from which such sentences can be learned",
        )
    return found.astype(np.int64)
