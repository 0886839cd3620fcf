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
from netwright.tasks.scores import Score
from netwright.tasks.sentences import sentence_task
from netwright.tasks.snippets import encode as encode_texts
from netwright.tasks.snippets import snippets as movie_snippets
from netwright.tasks.split import Split
from netwright.tasks.telescope import window_weights
from netwright.tasks.text import TextRows, next_tokens, novels

__all__ = [
    "CODES",
    "LATENT_BITS",
    "LINK_BITS",
    "OCCUPANCY_EDGES",
    "REGION_NAMES",
    "Card",
    "MeanDistance",
    "PublishedDesign",
    "Scaling",
    "Score",
    "Split",
    "TableOptions",
    "Task",
    "TextRows",
    "beam",
    "by_occupancy",
    "calorimeter",
    "digits",
    "encode_texts",
    "every_code",
    "fashion_mnist",
    "from_arrays",
    "generate_calorimeter",
    "jets",
    "load",
    "mean_distance",
    "movie_snippets",
    "next_tokens",
    "novels",
    "nuclei",
    "occupancy",
    "payload_bits",
    "published_designs",
    "sentence_task",
    "wafer_emd",
    "wafers",
    "window_weights",
]
