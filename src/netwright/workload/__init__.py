"""What has to be computed: Einsums with shapes and formats, and no values."""

from netwright.ir.einsums import blocks
from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.workload import cascade, passes
from netwright.workload.batched import batched
from netwright.workload.builder import Builder
from netwright.workload.by_operator import by_operator
from netwright.workload.coverage import Coverage, coverage, opaque_operators
from netwright.workload.from_graph import from_graph
from netwright.workload.fuse import fuse
from netwright.workload.group import group
from netwright.workload.joined import joined
from netwright.workload.networks import (
    DECODERS,
    NETWORKS,
    decoder,
    mobilenet_v1,
    resnet9,
    spelled,
    unet,
)
from netwright.workload.touched import bytes_touched
from netwright.workload.workload import Granularity, Tensor, TensorKind, Workload

__all__ = [
    "DECODERS",
    "NETWORKS",
    "Access",
    "Affine",
    "Builder",
    "Coverage",
    "Einsum",
    "Granularity",
    "MapOp",
    "Rank",
    "ReduceOp",
    "Tensor",
    "TensorKind",
    "UnaryOp",
    "Workload",
    "batched",
    "blocks",
    "by_operator",
    "bytes_touched",
    "cascade",
    "coverage",
    "decoder",
    "from_graph",
    "fuse",
    "group",
    "joined",
    "mobilenet_v1",
    "opaque_operators",
    "passes",
    "resnet9",
    "spelled",
    "unet",
]
