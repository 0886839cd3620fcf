"""Compression: what is decided (plans), what it costs (budgets), and how it is chosen."""

from netwright.compress.allocation import (
    RESIDUAL,
    Activations,
    Allocation,
    FreeActivations,
    TiedActivations,
    allocate,
)
from netwright.compress.budget import (
    BUDGETS,
    Budget,
    bops,
    latency_ns,
    layer_bops,
    luts,
    total_bops,
    weight_bits,
)
from netwright.compress.conversion import (
    FINETUNING,
    apply,
    build,
    finetune,
    head_of,
    layer_shapes,
)
from netwright.compress.counted import CountedLuts, count_layers
from netwright.compress.curvature import TraceEstimate, hutchinson, top_eigenvalue
from netwright.compress.front import (
    Candidate,
    FrontPoint,
    allocated_candidates,
    sampled_candidates,
    sweep,
    uniform_candidates,
)
from netwright.compress.hardware import DenseLayer, LayerEstimate, count_luts, estimate
from netwright.compress.plan import (
    Granularity,
    LayerPlan,
    LayerShape,
    Plan,
    ScaleKind,
    load_plan,
    save_plan,
    uniform,
)
from netwright.compress.post_training import (
    ProductError,
    allocate_post_training,
    output_errors,
)
from netwright.compress.pruning import PRUNING, PruneDigits, integer_weights, prune
from netwright.compress.recipe import hawq
from netwright.compress.sensitivities import (
    ActivationSensitivity,
    LayerSensitivity,
    WeightSensitivity,
    sensitivity,
)

__all__ = [
    "BUDGETS",
    "FINETUNING",
    "PRUNING",
    "RESIDUAL",
    "ActivationSensitivity",
    "Activations",
    "Allocation",
    "Budget",
    "Candidate",
    "CountedLuts",
    "DenseLayer",
    "FreeActivations",
    "FrontPoint",
    "Granularity",
    "LayerEstimate",
    "LayerPlan",
    "LayerSensitivity",
    "LayerShape",
    "Plan",
    "ProductError",
    "PruneDigits",
    "ScaleKind",
    "TiedActivations",
    "TraceEstimate",
    "WeightSensitivity",
    "allocate",
    "allocate_post_training",
    "allocated_candidates",
    "apply",
    "bops",
    "build",
    "count_layers",
    "count_luts",
    "estimate",
    "finetune",
    "hawq",
    "head_of",
    "hutchinson",
    "integer_weights",
    "latency_ns",
    "layer_bops",
    "layer_shapes",
    "load_plan",
    "luts",
    "output_errors",
    "prune",
    "sampled_candidates",
    "save_plan",
    "sensitivity",
    "sweep",
    "top_eigenvalue",
    "total_bops",
    "uniform",
    "uniform_candidates",
    "weight_bits",
]
