"""The operator graph and its exact integer meaning."""

from netwright.formats import FLOAT
from netwright.ir.check import bounds, check, real_regions, spec_of
from netwright.ir.graph import Array, AttrValue, Graph, Node, Note
from netwright.ir.host_arithmetic import HostArithmetic
from netwright.ir.interpret import Executable, Interpreter, interpret, real_values
from netwright.ir.ops import KEEPS_VALUES, SPECS, operators
from netwright.ir.rounding import dyadic, round_quotient, round_shift
from netwright.ir.row_size import (
    affordable_rows,
    held_values,
    interface_values,
    passed_values,
    rows_together,
)
from netwright.ir.spec import Attribute, Bounds, Category, OpSpec
from netwright.ir.store import load, save
from netwright.ir.types import TensorType, is_power_of_two

__all__ = [
    "FLOAT",
    "KEEPS_VALUES",
    "SPECS",
    "Array",
    "AttrValue",
    "Attribute",
    "Bounds",
    "Category",
    "Executable",
    "Graph",
    "HostArithmetic",
    "Interpreter",
    "Node",
    "Note",
    "OpSpec",
    "TensorType",
    "affordable_rows",
    "bounds",
    "check",
    "dyadic",
    "held_values",
    "interface_values",
    "interpret",
    "is_power_of_two",
    "load",
    "operators",
    "passed_values",
    "real_regions",
    "real_values",
    "round_quotient",
    "round_shift",
    "rows_together",
    "save",
    "spec_of",
]
