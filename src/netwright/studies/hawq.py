"""Functions that check the claims in ``hawq.toml``, one for each id, by public names only."""

from __future__ import annotations

from itertools import product

from netwright.quantities import Quantity
from netwright.studies import Context, Finding

SEARCHED_BITS = (4, 5, 6, 7, 8)
NUM_LAYERS = 4


def exhaustive_space(context: Context) -> Finding:
    """Number of plans when each layer takes one of the published weight widths."""
    plans = sum(1 for _ in product(SEARCHED_BITS, repeat=NUM_LAYERS))
    source = "itertools.product over 4 to 8 bits in 4 layers"
    return Finding(Quantity(plans, "plans", source, "measured"))
