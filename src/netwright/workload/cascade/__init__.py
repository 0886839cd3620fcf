"""Cascades of Einsums as text and on numbers."""

from netwright.workload.cascade.execute import Executed, execute

__all__ = ["Executed", "execute"]
