"""Verification: stimuli, the comparison, and planted faults that show it can fail."""

from netwright.verify.against_file import FileComparison, RealExecutable, compare_file
from netwright.verify.against_real_file import (
    RealFileComparison,
    compare_real_file,
    compare_recognized,
)
from netwright.verify.agreement import Agreement, Excess, agree
from netwright.verify.chip_upsets import drawn_charges, hardened_chip, try_upsets
from netwright.verify.compare import Difference, Equivalence, bit_exact, certify
from netwright.verify.diagnose import diagnose
from netwright.verify.faults import change_rounding, flip_weight_bit, narrow_accumulator
from netwright.verify.harms import weight_harms
from netwright.verify.in_loop import InLoop
from netwright.verify.rows import read_rows
from netwright.verify.stimuli import borders, check_random_rows, corners, random, ties
from netwright.verify.stimulus import Stimulus
from netwright.verify.upset_rates import UpsetRates, measure_upset_rates
from netwright.verify.weight_upsets import WeightBit, WeightUpsets, weight_bits

__all__ = [
    "Agreement",
    "Difference",
    "Equivalence",
    "Excess",
    "FileComparison",
    "InLoop",
    "RealExecutable",
    "RealFileComparison",
    "Stimulus",
    "UpsetRates",
    "WeightBit",
    "WeightUpsets",
    "agree",
    "bit_exact",
    "borders",
    "certify",
    "change_rounding",
    "check_random_rows",
    "compare_file",
    "compare_real_file",
    "compare_recognized",
    "corners",
    "diagnose",
    "drawn_charges",
    "flip_weight_bit",
    "hardened_chip",
    "measure_upset_rates",
    "narrow_accumulator",
    "random",
    "read_rows",
    "ties",
    "try_upsets",
    "weight_bits",
    "weight_harms",
]
