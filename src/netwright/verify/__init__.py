"""Verification: stimuli, the comparison, and planted faults that show it can fail."""

from netwright.verify.against_file import FileComparison, RealExecutable, compare_file
from netwright.verify.agreement import Agreement, Excess, agree
from netwright.verify.compare import Difference, Equivalence, bit_exact, certify
from netwright.verify.diagnose import diagnose
from netwright.verify.faults import change_rounding, flip_weight_bit, narrow_accumulator
from netwright.verify.rows import read_rows
from netwright.verify.stimuli import borders, check_random_rows, corners, random, ties
from netwright.verify.stimulus import Stimulus
from netwright.verify.weight_upsets import WeightBit, WeightUpsets, weight_bits

__all__ = [
    "Agreement",
    "Difference",
    "Equivalence",
    "Excess",
    "FileComparison",
    "RealExecutable",
    "Stimulus",
    "WeightBit",
    "WeightUpsets",
    "agree",
    "bit_exact",
    "borders",
    "certify",
    "change_rounding",
    "check_random_rows",
    "compare_file",
    "corners",
    "diagnose",
    "flip_weight_bit",
    "narrow_accumulator",
    "random",
    "read_rows",
    "ties",
    "weight_bits",
]
