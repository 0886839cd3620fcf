"""Cascades of Einsums as text and on numbers.

``library`` holds published ones; :func:`find` takes their names.
"""

from netwright.workload.cascade.execute import Executed, execute
from netwright.workload.cascade.find import SUFFIX, find, published
from netwright.workload.cascade.resolve import load, parse
from netwright.workload.cascade.write import write

__all__ = ["SUFFIX", "Executed", "execute", "find", "load", "parse", "published", "write"]
