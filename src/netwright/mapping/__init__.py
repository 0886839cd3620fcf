"""Where and when everything happens: orders, addresses, replacement; one judge of all of them."""

from netwright.mapping.bank_memory import BankMemory
from netwright.mapping.bank_run import BankRun, bank_arithmetic, with_caches
from netwright.mapping.banks import Banks, place
from netwright.mapping.baselines import POLICIES, Baseline, Policy, baseline
from netwright.mapping.binding import branch_of, operators_of, work_of
from netwright.mapping.compare import BUDGETS, Budget, Comparison, compare
from netwright.mapping.cosma import Solution, cosma, scratchpad_of
from netwright.mapping.curve import Curve, Point, traffic_curve
from netwright.mapping.fusion import Fusion, fusion
from netwright.mapping.gaps import GapSolution, solve_gaps, traffic_of
from netwright.mapping.given import check_granularity
from netwright.mapping.group_legality import kept_bytes
from netwright.mapping.layout import Layout
from netwright.mapping.legality import check_legal, faults
from netwright.mapping.load import load, retiled
from netwright.mapping.loopnest import Keep, Loop, LoopNest
from netwright.mapping.loopnest_legality import check_nest, nest_faults
from netwright.mapping.mapping import Group, Mapping, Phase, Residency
from netwright.mapping.operation import Operation, is_operation, operation
from netwright.mapping.order import OrderSolution, minimum_peak, search_order
from netwright.mapping.order_bounds import bound_of_all_orders
from netwright.mapping.precedence import Precedence
from netwright.mapping.replay import Traffic, Transfer, replay
from netwright.mapping.schedule import Gap, Schedule, default_schedule, kib, ordered
from netwright.mapping.split import Split, SplitProblem, Step, split_greedily
from netwright.mapping.split_exact import Aim, check_solver, split_exactly, split_within
from netwright.mapping.write import write

__all__ = [
    "BUDGETS",
    "POLICIES",
    "Aim",
    "BankMemory",
    "BankRun",
    "Banks",
    "Baseline",
    "Budget",
    "Comparison",
    "Curve",
    "Fusion",
    "Gap",
    "GapSolution",
    "Group",
    "Keep",
    "Layout",
    "Loop",
    "LoopNest",
    "Mapping",
    "Operation",
    "OrderSolution",
    "Phase",
    "Point",
    "Policy",
    "Precedence",
    "Residency",
    "Schedule",
    "Solution",
    "Split",
    "SplitProblem",
    "Step",
    "Traffic",
    "Transfer",
    "bank_arithmetic",
    "baseline",
    "bound_of_all_orders",
    "branch_of",
    "check_granularity",
    "check_legal",
    "check_nest",
    "check_solver",
    "compare",
    "cosma",
    "default_schedule",
    "faults",
    "fusion",
    "is_operation",
    "kept_bytes",
    "kib",
    "load",
    "minimum_peak",
    "nest_faults",
    "operation",
    "operators_of",
    "ordered",
    "place",
    "replay",
    "retiled",
    "scratchpad_of",
    "search_order",
    "solve_gaps",
    "split_exactly",
    "split_greedily",
    "split_within",
    "traffic_curve",
    "traffic_of",
    "with_caches",
    "work_of",
    "write",
]
