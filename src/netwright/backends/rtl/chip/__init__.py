"""A network as a chip: weights in registers on an I2C bus, a normalizer before, links behind."""

from netwright.backends.rtl.chip.bus import Controller
from netwright.backends.rtl.chip.check import ChipRow, check_chip, random_charges, total_words
from netwright.backends.rtl.chip.chip_design import ChipDesign
from netwright.backends.rtl.chip.driver import ChipDriver, ChipStatus
from netwright.backends.rtl.chip.image import WeightImage, read_weights, write_weights
from netwright.backends.rtl.chip.reference import ChipReference
from netwright.backends.rtl.chip.reload import Recorder, Reload
from netwright.backends.rtl.chip.simulation import SimulatedChip
from netwright.backends.rtl.chip.words import charge_codes
from netwright.backends.rtl.chip_options import ChipOptions

__all__ = [
    "ChipDesign",
    "ChipDriver",
    "ChipOptions",
    "ChipReference",
    "ChipRow",
    "ChipStatus",
    "Controller",
    "Recorder",
    "Reload",
    "SimulatedChip",
    "WeightImage",
    "charge_codes",
    "check_chip",
    "random_charges",
    "read_weights",
    "total_words",
    "write_weights",
]
