"""Verification: stimuli, the comparison, and planted faults that show it can fail."""

from netwright.verify.compare import Difference, Equivalence, bit_exact, certify
from netwright.verify.diagnose import diagnose
from netwright.verify.faults import change_rounding, flip_weight_bit, narrow_accumulator
from netwright.verify.stimuli import Stimulus, corners, random, ties

__all__ = [
    "Difference",
    "Equivalence",
    "Stimulus",
    "bit_exact",
    "certify",
    "change_rounding",
    "corners",
    "diagnose",
    "flip_weight_bit",
    "narrow_accumulator",
    "random",
    "ties",
]
