"""Names that configuration files and the command line use, resolved on first use.

Each kind has one table: name to ``"module:attribute"``. Other packages add names through entry
points in the group ``netwright.KIND``. Nothing is imported until a name is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType

from netwright.errors import ConfigError
from netwright.python_file import is_python_name, lookup, parse

TABLES: Mapping[str, Mapping[str, str]] = {
    "formats": {
        "bipolar": "netwright.formats:Bipolar",
        "block-scaled": "netwright.formats:BlockScaled",
        "fixed": "netwright.formats:Fixed",
        "flint": "netwright.formats:Flint",
        "float": "netwright.formats:Float",
        "int": "netwright.formats:Int",
        "minifloat": "netwright.formats:MiniFloat",
        "outlier-pairs": "netwright.formats:OutlierPairs",
    },
    "patterns": {
        "blocks": "netwright.formats:Blocks",
        "density": "netwright.formats:Density",
        "nm": "netwright.formats:NM",
    },
    "flows": {
        "codesign": "netwright.flows.codesign:CodesignFlow",
        "control": "netwright.flows.control:ControlFlow",
    },
    "tasks": {
        "calorimeter": "netwright.tasks.calorimeter:calorimeter",
        "digits": "netwright.tasks.digits:digits",
        "fashion-mnist": "netwright.tasks.fashion:fashion_mnist",
        "jets": "netwright.tasks.jets:jets",
        "nuclei": "netwright.tasks.nuclei:nuclei",
        "pulses": "netwright.tasks.pulses:pulses",
        "table": "netwright.tasks.own:TableOptions",
    },
    "environments": {
        "beam": "netwright.tasks.beam_environment:BeamEnvironment",
        "injector": "netwright.tasks.injector_environment:InjectorEnvironment",
    },
    "scores": {
        "accuracy": "netwright.tasks.scores:accuracy",
        "auc": "netwright.tasks.scores:area_under_curve",
        "balanced-accuracy": "netwright.tasks.scores:balanced_accuracy",
        "bits-per-character": "netwright.tasks.text:bits_per_character",
        "iou": "netwright.tasks.scores:intersection_over_union",
        "mae": "netwright.tasks.scores:mean_absolute_error",
        "max-error": "netwright.tasks.scores:largest_error",
        "mean-emd": "netwright.tasks.calorimeter:mean_emd",
        "mse": "netwright.tasks.scores:mean_squared_error",
        "r2": "netwright.tasks.scores:explained_variance",
        "rmse": "netwright.tasks.scores:root_mean_squared_error",
        "telescope": "netwright.tasks.telescope:telescope_score",
    },
    "losses": {
        "binary-cross-entropy": "netwright.train.losses:binary_cross_entropy",
        "bits-per-character": "netwright.train.losses:bits_per_character",
        "cross-entropy": "netwright.train.losses:cross_entropy",
        "dice": "netwright.train.losses:dice",
        "huber": "netwright.train.losses:huber",
        "mae": "netwright.train.losses:mae",
        "mse": "netwright.train.losses:mse",
        "pulses": "netwright.train.pulses:pulses",
        "telescope": "netwright.train.telescope:telescope",
        "telescope-consistent": "netwright.train.telescope:consistent_telescope",
        "transport": "netwright.train.transport:transport",
    },
    "callbacks": {
        "early-stop": "netwright.train:EarlyStop",
        "freeze-scales": "netwright.train:FreezeScales",
        "mlflow": "netwright.train:MLflow",
        "prune-digits": "netwright.compress.pruning:PruneDigits",
        "tensorboard": "netwright.train:TensorBoard",
    },
    "models": {
        "encoder": "netwright.models:encoder",
        "mlp": "netwright.models:mlp",
        "policy": "netwright.models:policy",
        "pulse-autoencoder": "netwright.models:pulse_autoencoder",
        "pulse-cnn": "netwright.models:pulse_cnn",
        "resnet9": "netwright.models:resnet9",
        "unet": "netwright.models:unet",
        "wafer-autoencoder": "netwright.models:wafer_autoencoder",
    },
    "compressors": {
        "fixed": "netwright.compress:Fixed",
        "hawq": "netwright.compress:Hawq",
    },
    "sparsifiers": {
        "nm": "netwright.compress:NMSparsity",
    },
    "quantizers": {
        "absmax": "netwright.compress.quantize:Absmax",
        "hadamard": "netwright.compress.quantize:Hadamard",
        "half": "netwright.compress.quantize:Half",
        "mse": "netwright.compress.quantize:Mse",
        "mx": "netwright.compress.quantize:Mx",
        "nvfp4": "netwright.compress.quantize:Nvfp4",
        "outlier": "netwright.compress.quantize:Outlier",
    },
    "passes": {
        "integerize": "netwright.passes:integerize",
    },
    "backends": {
        "chip": "netwright.backends.rtl.backend:chip",
        "cpu": "netwright.backends.cpu:cpu",
        "hls": "netwright.backends.hls:hls",
        "rtl": "netwright.backends.rtl:rtl",
        "soc": "netwright.backends.soc:soc",
    },
    "parts": {
        "ecp5-85k": "netwright.backends.rtl.parts:ecp5_85k",
        "ecp5-85k-dsp": "netwright.backends.rtl.parts:ecp5_85k_dsp",
        "xcup": "netwright.backends.rtl.parts:xcup",
    },
    "mappers": {
        "banks": "netwright.mapping:place",
        "cosma": "netwright.mapping:cosma",
        "fusion": "netwright.mapping:fusion",
        "split": "netwright.cost:split",
    },
    "charges": {
        "calorimeter": "netwright.flows.wafer_views:wafer_charges",
    },
    "views": {
        "calorimeter": "netwright.flows.wafer_views:wafer_views",
        "pulses": "netwright.flows.pulse_views:pulse_views",
    },
    "proposers": {
        "controller": "netwright.explore.proposers.controller:Controller",
        "evolution": "netwright.explore.proposers.evolution:Evolution",
        "gp": "netwright.explore.proposers.sampled:GaussianProcess",
        "grid": "netwright.explore.proposers.simple:Grid",
        "nsga2": "netwright.explore.proposers.sampled:Nsga2",
        "policy": "netwright.explore.proposers.policy:Policy",
        "random": "netwright.explore.proposers.simple:Random",
        "tpe": "netwright.explore.proposers.sampled:Tpe",
    },
    "executors": {
        "here": "netwright.explore.executors.here:Here",
        "pool": "netwright.explore.executors.pool:Pool",
        "ray": "netwright.explore.executors.cluster:Ray",
    },
    "objectives": {
        "accelerator": "netwright.explore.objectives.accelerator:AcceleratorOptions",
        "chip": "netwright.explore.objectives.chip:ChipOptions",
        "estimate": "netwright.explore.objectives.estimate:EstimateOptions",
        "flow": "netwright.flows.objective:FlowOptions",
        "python": "netwright.explore.objectives.python:PythonOptions",
    },
    "studies": {
        "cosma": "netwright.studies.cosma",
        "draco": "netwright.studies.draco",
        "econ-t": "netwright.studies.econ_t",
        "fusemax": "netwright.studies.fusemax",
        "hawq": "netwright.studies.hawq",
        "nasaic": "netwright.studies.nasaic",
        "nm-training": "netwright.studies.nm_training",
        "olive": "netwright.studies.olive",
        "pim-gpt": "netwright.studies.pim_gpt",
        "pulsedl2": "netwright.studies.pulsedl2",
        "smash": "netwright.studies.smash",
        "sparse-transformer": "netwright.studies.sparse_transformer",
        "tbsac": "netwright.studies.tbsac",
    },
}
"""The names that this package brings, by kind."""


def kinds() -> tuple[str, ...]:
    """All kinds of names."""
    return tuple(TABLES)


@cache
def entries(kind: str) -> Mapping[str, str]:
    """Every name of a kind with its target, those of other packages included.

    Raises:
        ConfigError: There is no such kind, or two packages bring the same name.
    """
    if kind not in TABLES:
        raise ConfigError(
            f'"{kind}" is not a kind of thing that has names{_near(kind, kinds())}',
            hint=f"kinds: {', '.join(kinds())}",
        )
    found = dict(TABLES[kind])
    for point in sorted(entry_points(group=f"netwright.{kind}"), key=lambda p: (p.name, p.value)):
        if point.name in found:
            raise ConfigError(
                f'{kind}: the name "{point.name}" stands for both {found[point.name]} and '
                f"{point.value}",
                hint="uninstall or rename one of them",
            )
        found[point.name] = point.value
    return MappingProxyType(found)


def resolve(kind: str, name: str) -> object:
    """What `name` stands for.

    Args:
        kind: A kind of :func:`kinds`.
        name: A name of this kind, or ``"FILE.py:NAME"``: something in a Python file, which is run.

    Raises:
        ConfigError: There is no such kind or name, or a file cannot be run.
        ImportError: The module of the name cannot be imported.
    """
    table = entries(kind)
    if is_python_name(name):
        return lookup(parse(name))
    if name not in table:
        raise ConfigError(
            f'"{name}" is not one of the {kind}{_near(name, tuple(table))}',
            hint=f"{kind}: {', '.join(table)}",
        )
    module, _, attribute = table[name].partition(":")
    loaded: object = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded


def _near(name: str, accepted: tuple[str, ...]) -> str:
    near = get_close_matches(name, accepted, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
