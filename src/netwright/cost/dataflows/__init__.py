"""Dataflow templates: what a layer costs on them in closed form, and its loop nest."""

from netwright.cost.dataflows.flow import Flow
from netwright.cost.dataflows.model import Work, flow, template_nest, why_not, work
from netwright.cost.dataflows.shape import Shape, Window, shape_of

__all__ = [
    "Flow",
    "Shape",
    "Window",
    "Work",
    "flow",
    "shape_of",
    "template_nest",
    "why_not",
    "work",
]
