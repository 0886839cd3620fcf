"""Tasks: data with provenance, split and standardized, and their scores.

>>> from netwright import tasks
>>> tasks.jets(seed=7).classes
('g', 'q', 'w', 'z', 't')
"""

from __future__ import annotations

from netwright.tasks.arrays import from_arrays
from netwright.tasks.base import Scaling, Task
from netwright.tasks.calorimeter import calorimeter
from netwright.tasks.card import Card
from netwright.tasks.fashion import fashion_mnist
from netwright.tasks.jets import jets
from netwright.tasks.own import TableOptions, load
from netwright.tasks.published import PublishedDesign, published_designs
from netwright.tasks.scores import Score
from netwright.tasks.snippets import encode as encode_texts
from netwright.tasks.snippets import snippets as movie_snippets
from netwright.tasks.split import Split

__all__ = [
    "Card",
    "PublishedDesign",
    "Scaling",
    "Score",
    "Split",
    "TableOptions",
    "Task",
    "calorimeter",
    "encode_texts",
    "fashion_mnist",
    "from_arrays",
    "jets",
    "load",
    "movie_snippets",
    "published_designs",
]
