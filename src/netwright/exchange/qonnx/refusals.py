"""What is refused, and the way out of it."""

from __future__ import annotations

import shlex
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet

from netwright.errors import GraphError, NetwrightError, UnsupportedOp
from netwright.exchange.onnx.evaluate import is_evaluated
from netwright.exchange.onnx.source_model import SourceModel, SourceNode
from netwright.exchange.onnx.vocabulary import MICROSOFT
from netwright.exchange.qonnx import read_heads
from netwright.exchange.qonnx.rules import Rules, rule_of

OPSETS = range(6, 26)
"""Versions of the standard operators whose meaning is known here."""

_MOST_LETTERS = 160
"""Longest call that a hint spells out."""

_STATISTICS = "hardware here has no statistics of each row: BatchNormalization converts"
_DRAWN = "it draws random numbers: export the model in evaluation mode"

WAYS = {
    "ReduceL2": "write it as ReduceSumSquare, a quantizer and Sqrt",
    "ReduceLogSum": "write it as ReduceSum, a quantizer and Log",
    "ReduceLogSumExp": "write it as Exp, a quantizer, ReduceSum, a quantizer and Log",
    "LpPool": "write it as Pow, AveragePool, a quantizer and Sqrt",
    "GlobalLpPool": "write it as Pow, GlobalAveragePool, a quantizer and Sqrt",
    "DFT": "write it as MatMul with a constant matrix of cosines and sines",
    "STFT": "write it as Conv with constant windows of cosines and sines",
    "RNN": "unroll its steps: MatMul, a quantizer and Tanh",
    "LayerNormalization": _STATISTICS, "RMSNormalization": _STATISTICS, "LRN": _STATISTICS,
    "InstanceNormalization": _STATISTICS, "GroupNormalization": _STATISTICS,
    "LpNormalization": _STATISTICS, "MeanVarianceNormalization": _STATISTICS,
    "Bernoulli": _DRAWN, "Multinomial": _DRAWN, "RandomNormal": _DRAWN, "RandomUniform": _DRAWN,
    "RandomNormalLike": _DRAWN, "RandomUniformLike": _DRAWN,
    "FloatQuant": "minifloats are not integers: quantize with IntQuant instead",
    "Im2Col": "convert the file from before its convolutions were lowered",
    "GenericPartition": "convert the file that its attribute model names",
    "SequenceConstruct": "join tensors with Concat", "SequenceAt": "take parts with Split",
    "Optional": "leave it out",
    "Scaler": "write it as Sub and Mul",
}  # fmt: skip
"""What to do about operators that have a known replacement, in words that hold for hardware."""


def unsupported(
    source: SourceModel, rules: Rules, unknown: Sequence[SourceNode], lost: AbstractSet[str],
    faults: Sequence[str],
) -> UnsupportedOp:  # fmt: skip
    """What all unknown operators are refused with at once.

    Args:
        source: The file.
        rules: The operators that are known.
        unknown: The nodes of others.
        lost: Tensors that cannot be read, since these nodes or refused ones come before them.
        faults: Why nodes whose operators are known are refused.
    """
    first = unknown[0]
    others = sorted({_full_name(node) for node in unknown} - {_full_name(first)})
    also = f"also unknown here: {', '.join(others[:20])}" if others else ""
    ways = [*_ways(unknown), _before(unknown, source, lost) or _beside(unknown, source)]
    if not any(ways):
        known = ", ".join(sorted({name for domain in rules.values() for name in domain}))
        ways = [*faults[:1], f"there is no way here; accepted: {known}"]
    return UnsupportedOp(
        _full_name(first),
        node=first.name,
        where="read_qonnx",
        hint="; ".join(filter(None, [also, *ways])),
    )


def check_version(source: SourceModel) -> None:
    """Refuse standard operators whose meaning is not known.

    Raises:
        GraphError: They are of an unknown version.
    """
    version = source.opset
    if version not in OPSETS:
        raise GraphError(
            f"version {version} of the standard operators is not supported",
            hint=f"export with an opset from {OPSETS.start} to {OPSETS.stop - 1}",
        )


def fault(node: SourceNode, error: NetwrightError, known: Container[str]) -> str:
    """What a node is refused for, with its operator beside its name and the way out.

    Args:
        node: The node.
        error: Why it is refused.
        known: The file's inputs and constants, in front of which there is nothing to convert.
    """
    hint = error.hint or ""
    if "host" in hint or "--backend cpu" in hint:
        hint = "; ".join(filter(None, [hint, until(node, known)]))
    text = error.message.replace(f'node "{node.name}": ', f'node "{node.name}" ({node.op}): ', 1)
    return f"{text}; hint: {hint}" if hint else text


def until(node: SourceNode, known: Container[str]) -> str:
    """The option that converts what comes before a node; empty where nothing does."""
    names = dict.fromkeys(name for name in node.inputs if name and name not in known)
    call = " ".join(f"--until {shlex.quote(name)}" for name in names)
    if not call or len(call) > _MOST_LETTERS:
        return ""
    return f"leave it to the host with {call}"


def _before(unknown: Sequence[SourceNode], source: SourceModel, lost: AbstractSet[str]) -> str:
    """How to convert what comes before the first unknown or refused node that reads something."""
    known = {*source.inputs, *_constants(source), *lost}
    refused = [node for node in source.nodes if not lost.isdisjoint(node.outputs)]
    return next(filter(None, (until(node, known) for node in (*unknown, *refused))), "")


def _beside(unknown: Sequence[SourceNode], source: SourceModel) -> str:
    """How to convert a file without unknown nodes that none of its outputs depends on."""
    needed = set(source.outputs)
    for node in reversed(source.nodes):
        if not needed.isdisjoint(filter(None, node.outputs)):
            needed.update(node.inputs)
    if any(not needed.isdisjoint(filter(None, node.outputs)) for node in unknown):
        return ""
    call = " ".join(f"--until {shlex.quote(name)}" for name in source.outputs)
    return f"no output depends on it: {call}" if len(call) <= _MOST_LETTERS else ""


def _is_constant(node: SourceNode, constants: Container[str]) -> bool:
    """Whether what a node makes follows from constants, or from shapes, alone."""
    fixed = _is_standard(node) and node.op in ("Constant", "Shape", "Size")
    return fixed or is_evaluated(node, constants)


def _is_standard(node: SourceNode) -> bool:
    return node.domain in ("", "ai.onnx")


def _constants(source: SourceModel) -> set[str]:
    """The initializers and everything that follows from them, or from shapes, alone."""
    found = set(source.constants)
    for node in source.nodes:
        if _is_constant(node, found):
            found.update(node.outputs)
    return found


def unknown_nodes(source: SourceModel, rules: Rules) -> list[SourceNode]:
    """The nodes that are known neither on activations nor on constants."""
    constants = _constants(source)
    return [
        node
        for node in source.nodes
        if not _is_constant(node, constants)
        and rule_of(node, rules) is None
        and not (_is_standard(node) and node.op in read_heads.HEADS)
    ]


def _ways(unknown: Sequence[SourceNode]) -> list[str]:
    """What to do about these operators, each advice once."""
    ways = [WAYS.get(node.op, "") for node in unknown]
    for node in unknown:
        if "fpgadataflow" in node.domain:
            ways.append(
                "nodes of fpgadataflow are FINN's own hardware: convert the QONNX file they were "
                "made from"
            )
        elif node.domain == MICROSOFT and node.op.startswith("QLinear"):
            ways.append("quantize in QDQ form (QuantFormat.QDQ)")
        elif node.domain == MICROSOFT:
            ways.append("save the model without ONNX Runtime's optimizations")
    return list(dict.fromkeys(ways))


def _full_name(node: SourceNode) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op
