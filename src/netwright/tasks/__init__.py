"""Tasks: data with provenance, split and standardized, and their scores.

>>> from netwright import tasks
>>> tasks.jets(seed=7).classes
('g', 'q', 'w', 'z', 't')
"""

from __future__ import annotations

from netwright.tasks.base import Card, Split, Task
from netwright.tasks.fashion import fashion_mnist
from netwright.tasks.jets import jets
from netwright.tasks.published import PublishedDesign, published_designs

__all__ = [
    "Card",
    "PublishedDesign",
    "Split",
    "Task",
    "fashion_mnist",
    "jets",
    "published_designs",
]
