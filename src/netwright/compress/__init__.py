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
from netwright.compress.compressors import Compressor, Fixed, Found, Hawq, Measurement, Subject
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
from netwright.compress.module_sensitivities import module_sensitivity
from netwright.compress.modules import (
    calibrate_module,
    formats_of,
    module_shapes,
    quantize_module,
)
from netwright.compress.nm import NMSparsity
from netwright.compress.part import (
    Compressed,
    PartlyQuantized,
    apply_part,
    build_part,
    outputs_with,
    part_shapes,
    quantized_part,
    read_by_part,
)
from netwright.compress.patterns import by_pattern
from netwright.compress.plan import (
    Choice,
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
from netwright.compress.wafer_encoder import quantize_wafer_encoder, wafer_graph, wafer_plan

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
    "Choice",
    "Compressed",
    "Compressor",
    "CountedLuts",
    "DenseLayer",
    "Fixed",
    "Found",
    "FreeActivations",
    "FrontPoint",
    "Granularity",
    "Hawq",
    "LayerEstimate",
    "LayerPlan",
    "LayerSensitivity",
    "LayerShape",
    "Measurement",
    "NMSparsity",
    "PartlyQuantized",
    "Plan",
    "ProductError",
    "PruneDigits",
    "ScaleKind",
    "Subject",
    "TiedActivations",
    "TraceEstimate",
    "WeightSensitivity",
    "allocate",
    "allocate_post_training",
    "allocated_candidates",
    "apply",
    "apply_part",
    "bops",
    "build",
    "build_part",
    "by_pattern",
    "calibrate_module",
    "count_layers",
    "count_luts",
    "estimate",
    "finetune",
    "formats_of",
    "hawq",
    "head_of",
    "hutchinson",
    "integer_weights",
    "latency_ns",
    "layer_bops",
    "layer_shapes",
    "load_plan",
    "luts",
    "module_sensitivity",
    "module_shapes",
    "output_errors",
    "outputs_with",
    "part_shapes",
    "prune",
    "quantize_module",
    "quantize_wafer_encoder",
    "quantized_part",
    "read_by_part",
    "sampled_candidates",
    "save_plan",
    "sensitivity",
    "sweep",
    "top_eigenvalue",
    "total_bops",
    "uniform",
    "uniform_candidates",
    "wafer_graph",
    "wafer_plan",
    "weight_bits",
]
