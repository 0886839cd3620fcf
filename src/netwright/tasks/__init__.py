"""Tasks: data with provenance, split and standardized, and their scores.

>>> from netwright import tasks
>>> tasks.jets(seed=7).classes
('g', 'q', 'w', 'z', 't')
"""

from __future__ import annotations

from netwright.tasks import beam
from netwright.tasks.arrays import from_arrays
from netwright.tasks.base import Scaling, Task
from netwright.tasks.calorimeter import calorimeter, wafer_emd, wafers
from netwright.tasks.calorimeter_baselines import every_code
from netwright.tasks.calorimeter_charges import (
    CODES,
    LATENT_BITS,
    LINK_BITS,
    occupancy,
    payload_bits,
)
from netwright.tasks.calorimeter_generate import generate_calorimeter
from netwright.tasks.calorimeter_wafers import REGION_NAMES
from netwright.tasks.card import Card
from netwright.tasks.digits import digits
from netwright.tasks.emd import OCCUPANCY_EDGES, MeanDistance, by_occupancy, mean_distance
from netwright.tasks.fashion import fashion_mnist
from netwright.tasks.jets import jets
from netwright.tasks.nuclei import nuclei
from netwright.tasks.own import TableOptions, load
from netwright.tasks.published import PublishedDesign, published_designs
from netwright.tasks.pulses import as_inputs as pulse_inputs
from netwright.tasks.pulses import as_samples as pulse_samples
from netwright.tasks.pulses import estimates as pulse_estimates
from netwright.tasks.pulses import from_pulses, pulse_law, pulses
from netwright.tasks.pulses_bounds import Bound, averaged_bound, bound_at
from netwright.tasks.pulses_draw import Pulses, draw
from netwright.tasks.pulses_law import CONDITIONS, Digitizer, Law, Noise, Snr
from netwright.tasks.pulses_methods import (
    Timing,
    calibrated,
    constant_fraction,
    fraction_of_peak,
    leading_edge,
    template_fit,
)
from netwright.tasks.pulses_resolution import Resolution, resolution
from netwright.tasks.pulses_shapes import BiExponential, CrRc, Tabulated
from netwright.tasks.pulses_sipm import Sipm
from netwright.tasks.scores import Score
from netwright.tasks.sentences import sentence_task
from netwright.tasks.snippets import encode as encode_texts
from netwright.tasks.snippets import snippets as movie_snippets
from netwright.tasks.split import Split
from netwright.tasks.telescope import window_weights
from netwright.tasks.text import TextRows, next_tokens, novels

__all__ = [
    "CODES",
    "CONDITIONS",
    "LATENT_BITS",
    "LINK_BITS",
    "OCCUPANCY_EDGES",
    "REGION_NAMES",
    "BiExponential",
    "Bound",
    "Card",
    "CrRc",
    "Digitizer",
    "Law",
    "MeanDistance",
    "Noise",
    "PublishedDesign",
    "Pulses",
    "Resolution",
    "Scaling",
    "Score",
    "Sipm",
    "Snr",
    "Split",
    "TableOptions",
    "Tabulated",
    "Task",
    "TextRows",
    "Timing",
    "averaged_bound",
    "beam",
    "bound_at",
    "by_occupancy",
    "calibrated",
    "calorimeter",
    "constant_fraction",
    "digits",
    "draw",
    "encode_texts",
    "every_code",
    "fashion_mnist",
    "fraction_of_peak",
    "from_arrays",
    "from_pulses",
    "generate_calorimeter",
    "jets",
    "leading_edge",
    "load",
    "mean_distance",
    "movie_snippets",
    "next_tokens",
    "novels",
    "nuclei",
    "occupancy",
    "payload_bits",
    "published_designs",
    "pulse_estimates",
    "pulse_inputs",
    "pulse_law",
    "pulse_samples",
    "pulses",
    "resolution",
    "sentence_task",
    "template_fit",
    "wafer_emd",
    "wafers",
    "window_weights",
]
