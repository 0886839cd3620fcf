"""Published networks from the packages that define them, exported without weights.

The packages carry the code of the networks; no weights are downloaded, values are random, and the
exported files hold shapes only.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

import torch
import torch.nn.attention
from torch import nn

from netwright.errors import ConfigError, require
from netwright.exchange.onnx.skeleton import model_of, skeleton
from netwright.files import write_atomic
from netwright.models import published_modules

IMAGE = (1, 3, 224, 224)
CLIP = (1, 3, 16, 224, 224)
TOKENS = (1, 128)
DECODED = ((1, 1), (1, 1), *((1, 12, 127, 64),) * 24)
"""A token, its place, and the keys and values of 127 tokens in each of 12 layers."""

OPSET = 18
MAX_FOLDED = 8
"""Constants of more elements are not folded by the exporter."""


Exporter = Literal["dynamo", "torchscript"]
"""PyTorch's two exporters to ONNX."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where a network is defined, and what it takes.

    Attributes:
        package: ``"torchvision"``, ``"timm"``, ``"transformers"`` or ``"torch"``.
        path: Name of the network in its package; for the last two, in :mod:`published_modules`.
        shapes: Shapes of the inputs.
        num_ids: How many of the first inputs are whole numbers, such as token ids.
    """

    package: str
    path: str
    shapes: tuple[tuple[int, ...], ...] = (IMAGE,)
    num_ids: int = 0


def _vision(*names: str, shape: tuple[int, ...] = IMAGE) -> dict[str, Published]:
    return {name.rpartition(".")[2]: Published("torchvision", name, (shape,)) for name in names}


def _text(*names: str) -> dict[str, Published]:
    return {name: Published("transformers", name, (TOKENS,), 1) for name in names}


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        **_vision(
            "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet",
            "inception_v3", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large",
            "regnet_y_400mf", "resnet18", "resnet50", "resnext50_32x4d", "shufflenet_v2_x1_0",
            "squeezenet1_1", "swin_t", "vgg16", "vit_b_16", "segmentation.deeplabv3_resnet50",
            "segmentation.fcn_resnet50",
            "segmentation.lraspp_mobilenet_v3_large",
        ),
        **_vision("video.r2plus1d_18", "video.s3d", shape=CLIP),
        "nasnetalarge": Published("timm", "nasnetalarge"),
        "pnasnet5large": Published("timm", "pnasnet5large"),
        "mobilevit": Published("timm", "mobilevit_s", ((1, 3, 256, 256),)),
        **_text("bert", "gpt2", "llama_grouped"),
        "gpt2_decode": Published("transformers", "gpt2_decode", DECODED, 2),
        "segformer": Published("transformers", "segformer"),
        "whisper_encoder": Published("transformers", "whisper_encoder", ((1, 80, 3000),)),
        "dcgan_generator": Published("torch", "dcgan_generator", ((1, 100, 1, 1),)),
        "lstm_tagger": Published("torch", "lstm_tagger", ((1, 64),), 1),
    }
)  # fmt: skip
"""Networks that :func:`export` knows."""


def find(name: str) -> Published:
    """Where a network of this name is defined.

    Raises:
        ConfigError: There is no such network.
    """
    if name not in PUBLISHED:
        near = get_close_matches(name, PUBLISHED, n=1)
        meant = f'; did you mean "{near[0]}"?' if near else ""
        raise ConfigError(
            f'"{name}" is not one of the networks that can be exported{meant}',
            hint=f"networks: {', '.join(PUBLISHED)}",
        )
    return PUBLISHED[name]


def build(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A published network with random weights, ready for inference, and inputs of zeros.

    Raises:
        ConfigError: There is no such network.
        MissingExtra: The package that defines it is not installed.
    """
    entry = find(name)
    makers: Mapping[str, Callable[[str], nn.Module]] = {
        "torchvision": _from_torchvision,
        "timm": _from_timm,
        "transformers": _from_transformers,
        "torch": _from_torch,
    }
    with _quiet():
        module = makers[entry.package](entry.path).eval()
    kinds = [torch.int64] * entry.num_ids + [torch.float32] * len(entry.shapes)
    pairs = zip(entry.shapes, kinds, strict=False)
    return module, tuple(torch.zeros(shape, dtype=kind) for shape, kind in pairs)


def export(name: str, folder: Path, *, exporter: Exporter = "dynamo") -> Path:
    """Write ``NAME.onnx`` with shapes and no weights.

    Args:
        name: One of :data:`PUBLISHED`.
        folder: Where to; it is made if it is not there.
        exporter: Which of PyTorch's exporters.

    Returns:
        The file.

    Raises:
        ConfigError: There is no such network, or the folder cannot be made.
        MissingExtra: The package that defines it, or ONNX, is not installed.
    """
    find(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror})") from None
    module, values = build(name)
    with _quiet(), whole_attention(), torch.no_grad():
        make = _by_dynamo if exporter == "dynamo" else _by_torchscript
        model = make(module, values)
    model.graph.name = name
    data = skeleton(model)
    return write_atomic(folder / f"{name}.onnx", lambda stream: stream.write(data))


@contextlib.contextmanager
def whole_attention() -> Iterator[None]:
    """Let PyTorch run attention as single operators, which can be counted and exported."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _by_dynamo(module: nn.Module, values: tuple[torch.Tensor, ...]) -> Any:
    optimizer = require("onnxscript.optimizer", extra="networks", purpose="exporting networks")
    program = torch.onnx.export(
        module, values, dynamo=True, verbose=False, optimize=False, opset_version=OPSET
    )
    assert program is not None  # it is, without a file name
    # Only what shapes depend on is folded: parameters and steps stay those of the network.
    optimizer.fold_constants(program.model, output_size_limit=MAX_FOLDED)
    optimizer.remove_unused_nodes(program.model)
    return program.model_proto


def _by_torchscript(module: nn.Module, values: tuple[torch.Tensor, ...]) -> Any:
    source = torch.Generator().manual_seed(0)
    for parameter in module.parameters():  # this exporter stores equal tensors once
        parameter.normal_(0, 0.02, generator=source)
    stream: Any = io.BytesIO()
    torch.onnx.export(module, values, stream, dynamo=False, opset_version=OPSET - 1)
    return model_of(stream.getvalue())


def _from_torchvision(path: str) -> nn.Module:
    models = _torchvision()
    *groups, name = path.split(".")
    for group in groups:
        models = getattr(models, group)
    options = {"weights_backbone": None} if groups == ["segmentation"] else {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": False}  # type: ignore[dict-item]
    maker: Callable[..., nn.Module] = getattr(models, name)
    return maker(weights=None, **options)


def _from_timm(name: str) -> nn.Module:
    _torchvision()
    timm = require("timm", extra="networks", purpose=f"exporting {name}")
    module: nn.Module = timm.create_model(name, pretrained=False)
    return module


def _from_transformers(name: str) -> nn.Module:
    _torchvision()
    require("transformers", extra="networks", purpose=f"exporting {name}")
    return published_modules.TRANSFORMERS[name]()


def _from_torch(name: str) -> nn.Module:
    return published_modules.OWN[name]()


def _torchvision() -> ModuleType:
    """Its models; where its binary does not fit this torch, its definitions without the binary."""
    try:
        require("torchvision", extra="networks", purpose="exporting networks")
    except RuntimeError:  # operators of the binary are missing
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        _KEPT.append(operators)
    return require("torchvision.models", extra="networks", purpose="exporting networks")


_KEPT: list[object] = []
"""Declared operators last as long as their library."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter and the packages, which write to both streams."""
    import logging

    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
