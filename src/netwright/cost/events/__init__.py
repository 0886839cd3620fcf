"""The events engine: commands of a memory, one by one, as early as their rules allow."""

from netwright.cost.events.alike import Alike, alike, run_alike
from netwright.cost.events.closed import product_cycles
from netwright.cost.events.count import Execution, counts_of, execute, judged
from netwright.cost.events.energy import bytes_of, energy_of, pin_bytes_of
from netwright.cost.events.judge import violations
from netwright.cost.events.lower import Stage, program_of, stages_of
from netwright.cost.events.outcome import TRACE, Outcome
from netwright.cost.events.program import COLUMNS, Program
from netwright.cost.events.queue import run
from netwright.cost.events.stepping import step
from netwright.cost.events.table import Table
from netwright.cost.events.trace import read_trace, write_trace

__all__ = [
    "COLUMNS",
    "TRACE",
    "Alike",
    "Execution",
    "Outcome",
    "Program",
    "Stage",
    "Table",
    "alike",
    "bytes_of",
    "counts_of",
    "energy_of",
    "execute",
    "judged",
    "pin_bytes_of",
    "product_cycles",
    "program_of",
    "read_trace",
    "run",
    "run_alike",
    "stages_of",
    "step",
    "violations",
    "write_trace",
]
