"""What is refused, and the way out of it."""

from __future__ import annotations

import shlex
from collections.abc import Container

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


def check_operators(source: SourceModel, rules: Rules) -> None:
    """Report all unknown operators at once.

    Raises:
        UnsupportedOp: There are some.
        GraphError: The standard operators are of an unknown version.
    """
    unknown, constants = _unknown(source, rules)
    if unknown:
        first = unknown[0]
        others = sorted({_full_name(node) for node in unknown} - {_full_name(first)})
        also = f"also unknown here: {', '.join(others[:20])}" if others else ""
        ways = [*_ways(unknown), _before(unknown, source, constants)]
        if not any(ways):
            known = ", ".join(sorted({name for domain in rules.values() for name in domain}))
            ways = [f"there is no way here; accepted: {known}"]
        raise UnsupportedOp(
            _full_name(first),
            node=first.name,
            where="read_qonnx",
            hint="; ".join(filter(None, [also, *ways])),
        )
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


def _before(unknown: list[SourceNode], source: SourceModel, constants: set[str]) -> str:
    """How to convert what comes before the first unknown node that reads something known."""
    lost = {name for node in unknown for name in node.outputs}
    for node in source.nodes:
        if lost.intersection(node.inputs):
            lost.update(node.outputs)
    for node in unknown:
        known = until(node, {*source.inputs, *constants, *lost})
        if known:
            return known
    return ""


def _unknown(source: SourceModel, rules: Rules) -> tuple[list[SourceNode], set[str]]:
    """The nodes that are known neither on activations nor on constants, and all constants."""
    constants = set(source.constants)
    unknown = []
    for node in source.nodes:
        standard = node.domain in ("", "ai.onnx")
        fixed = standard and node.op in ("Constant", "Shape", "Size")
        if fixed or is_evaluated(node, constants):
            constants.update(node.outputs)
        elif rule_of(node, rules) is None and not (standard and node.op in read_heads.HEADS):
            unknown.append(node)
    return unknown, constants


def _ways(unknown: list[SourceNode]) -> list[str]:
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
