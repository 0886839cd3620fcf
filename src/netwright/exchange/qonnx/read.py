"""ONNX files with quantizers to graphs."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.digits import is_plain_number
from netwright.errors import ConfigError, GraphError, NetwrightError
from netwright.exchange.limits import check_row
from netwright.exchange.onnx.arity import check_arity
from netwright.exchange.onnx.evaluate import is_evaluated
from netwright.exchange.onnx.source_model import (
    Extents,
    SourceModel,
    SourceNode,
    listing,
    load_model,
)
from netwright.exchange.onnx.vocabulary import HEAD_KEY, PATTERN_KEY
from netwright.exchange.qonnx import lifted, read_arithmetic, read_heads
from netwright.exchange.qonnx.patterns import with_patterns
from netwright.exchange.qonnx.reader import Codes, Reader, Rule
from netwright.exchange.qonnx.real_reader import RealReader
from netwright.exchange.qonnx.refusals import check_version, fault, unknown_nodes, unsupported
from netwright.exchange.qonnx.rules import REAL_RULES, RULES, Rules, rule_of
from netwright.ir import AttrValue, Graph, Node, Note, check

_OF_QUANTIZED = frozenset({"Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators whose rules keep a quantized constant quantized."""

_KEEPING = frozenset(
    {
        "Concat", "DepthToSpace", "Flatten", "Gather", "GlobalMaxPool", "MaxPool", "ReduceMax",
        "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""Operators that mean the same on codes and on the values that these stand for."""


_AT_THE_END = "the host computes it where nothing but moves and casts stands behind it"


@dataclass(frozen=True, slots=True)
class InputQuantizer:
    """The quantizer that is put behind inputs that have none.

    Attributes:
        bits: Width of the codes, which are signed.
        scale: Real value of one code; by default, codes reach from -1 to 1.
    """

    bits: int
    scale: float | None = None

    @classmethod
    def of(cls, text: str) -> InputQuantizer:
        """The quantizer that ``BITS`` or ``BITS,SCALE`` names.

        Raises:
            ConfigError: The text is neither.
        """
        bits, comma, scale = text.partition(",")
        try:
            found = cls(int(bits), float(scale) if comma else None)
        except ValueError:
            found = cls(0)
        found = found if is_plain_number(text) else cls(0)
        if not 1 < found.bits <= 24 or not 0 < found.step < np.inf:
            raise ConfigError(
                f"an input quantizer must be BITS or BITS,SCALE, not {text!r}",
                hint="2 to 24 bits and a scale greater than 0, as in 8,0.0078125",
            )
        return found

    @property
    def step(self) -> float:
        """The scale that is used."""
        return 2.0 ** (1 - self.bits) if self.scale is None else self.scale

    def quantized(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What becomes of real values: the grid point next to each."""
        half = 1 << (self.bits - 1)
        return np.clip(np.rint(values / self.step), -half, half - 1) * self.step


def read_qonnx(
    path: str | Path,
    *,
    input_quantizer: InputQuantizer | None = None,
    reals: Extents | None = None,
    host_ends: bool | None = None,
) -> Graph:
    """Read an ONNX file into a graph in the quantized form.

    Quantizers are those of QONNX (``Quant``, ``IntQuant``, ``BipolarQuant``, ``Trunc``,
    ``MultiThreshold``) and of standard ONNX (``QuantizeLinear``, ``DequantizeLinear`` and the
    operators on codes). The file is not trusted: sizes are limited, nothing outside its folder is
    opened, and every fault found is reported. A dynamic batch axis becomes 1.

    Args:
        path: A file that :func:`netwright.exchange.write_qonnx`, Brevitas, qonnx or ONNX Runtime's
            quantizer wrote.
        input_quantizer: What quantizes inputs that the file itself does not quantize first.
        reals: Read real values that nothing quantizes, too: transformers, functions, products of
            activations, for processors. Extents that the file leaves open are those given here, by
            input; an empty mapping gives none.
        host_ends: Whether Softmax and the like at the end are the host's; by default without reals.

    Raises:
        DataError: The file is missing, too large or no ONNX model.
        UnsupportedOp: An operator is not known; the hint lists all such and all known ones.
        GraphError: The graph breaks a rule; the message lists every fault found.
    """
    source = load_model(Path(path), reals=reals)
    rules = RULES if reals is None else REAL_RULES
    unknown = unknown_nodes(source, rules)
    if not unknown:
        check_version(source)
    faults: list[str] = []
    lost = {name for node in unknown for name in node.outputs if name}
    try:
        reader = Reader(source) if reals is None else RealReader(source)
        if host_ends is not None:
            reader.computed = frozenset() if host_ends else RealReader.computed
        reader.ending = read_heads.ending(reader)
        if input_quantizer is not None:
            _quantize_inputs(reader, input_quantizer)
        _read_nodes(reader, rules, lost, faults)
    except NetwrightError:
        if not unknown:
            raise
    if unknown:
        raise unsupported(source, rules, unknown, lost, faults)
    outputs = {} if lost.intersection(source.outputs) else _outputs(reader, faults)
    if faults:
        raise GraphError(listing(f"{path}: the graph cannot be read", faults))
    return _graph(source, reader, outputs)


def _read_nodes(reader: Reader, rules: Rules, lost: set[str], faults: list[str]) -> None:
    """Read all nodes that can be read.

    Args:
        reader: What reads.
        rules: The operators that are known.
        lost: Tensors of unknown operators; those behind them and of refused nodes are added.
        faults: Gets why nodes are refused.
    """
    for node in reader.source.nodes:
        if any(name in lost for name in (*node.inputs, *node.outputs)):
            lost.update(filter(None, node.outputs))
            continue
        try:
            _read_node(reader, node, rules)
            reader.settle(node)
            if isinstance(reader, RealReader):
                lifted.settle(reader, node)
        except NetwrightError as error:
            lost.update(filter(None, node.outputs))
            faults.append(fault(node, error, {*reader.source.inputs, *reader.constants}))


def _quantize_inputs(reader: Reader, wanted: InputQuantizer) -> None:
    """Put a quantizer behind every input of real values."""
    for name in reader.source.inputs:
        if name in reader.codes:
            continue
        attrs: dict[str, AttrValue] = {
            "bits": wanted.bits,
            "signed": 1,
            "narrow": 0,
            "rounding": "half-even",
            "zero_point": 0,
            "scale": (wanted.step,),
            "axis": None,
        }
        output = reader.names.fresh(f"{name}_quantized")
        reader.renamed[name] = reader.emit_as(output, "Quant", (name,), output, attrs, origin=name)
        grid = f"{wanted.bits} bits in steps of {wanted.step:g}"
        said = f'input "{name}" is quantized to {grid} before the file reads it, as was asked'
        reader.notes.append(Note(output, said))


def _read_node(reader: Reader, node: SourceNode, rules: Rules) -> None:
    check_arity(node, reader.source.opset)
    if is_evaluated(node, reader.constants):
        reader.evaluate(node)
        return
    if node.op not in _OF_QUANTIZED and is_evaluated(
        node, ChainMap[str, Any](reader.constants, reader.quantized)
    ):
        reader.evaluate_quantized(node)
        return
    if isinstance(reader, RealReader):
        node = lifted.ready(reader, node)
    rule = rule_of(node, rules)
    if read_heads.is_head(reader, node):
        read_heads.head(reader, node)
        return
    if rule is None or _is_inner_softmax(reader, node):
        raise GraphError(
            f"{node.op} is supported for constants and at the end of a file only",
            node=node.name,
            hint=_AT_THE_END if node.op in read_heads.HEADS else reader.no_rule_hint,
        )
    grids = [reader.codes.get(name) for name in _data_inputs(node)]
    if node.op in _KEEPING and _is_one_grid(grids):
        _read_on_codes(reader, node, rule)
    else:
        read_arithmetic.read(reader, node, rule)


def _is_inner_softmax(reader: Reader, node: SourceNode) -> bool:
    """Whether a Softmax stands before something that hardware would compute."""
    return (
        node.op == "Softmax"
        and not reader.multiplies
        and reader.is_activation(node.inputs[0])
        and node.outputs[0] not in reader.source.outputs
    )


def _data_inputs(node: SourceNode) -> tuple[str, ...]:
    return node.inputs if node.op == "Concat" else node.inputs[:1]


def _is_one_grid(grids: list[Codes | None]) -> bool:
    """Whether all are codes, with one scale and one zero point."""
    found = [codes for codes in grids if codes is not None]
    return len(found) == len(grids) > 0 and all(
        codes.scale.size == 1
        and codes.scale == found[0].scale
        and codes.zero_point == found[0].zero_point
        for codes in found
    )


def _read_on_codes(reader: Reader, node: SourceNode, rule: Rule) -> None:
    """Read a node that keeps values on the values behind its codes."""
    data = _data_inputs(node)
    grids = [reader.codes[name] for name in data]
    inputs = tuple(reader.dequantized(name) for name in data) + node.inputs[len(data) :]
    values = tuple(reader.names.fresh(f"{name}_values") if name else "" for name in node.outputs)
    for name, made in zip(node.outputs, values, strict=True):
        reader.uses[made] = reader.uses[name]
    rule(reader, replace(node, inputs=inputs, outputs=values))
    low, high = min(g.low for g in grids), max(g.high for g in grids)
    for name, made in zip(node.outputs, values, strict=True):
        if made and (made in reader.types or made in reader.renamed):
            tensor = reader.tensor(made)
            reader.codes[name] = replace(grids[0], source=tensor, low=low, high=high, maker=None)


def _outputs(reader: Reader, faults: list[str]) -> dict[str, str]:
    """For each output of the graph, the tensor that holds it; outputs left to the host are not."""
    found: dict[str, str] = {}
    for name in reader.source.outputs:
        name = reader.heads[name].root if name in reader.heads else name
        if reader.is_activation(name):
            found[name] = reader.tensor(name)
        else:
            faults.append(f'output "{name}" is a constant')
    return found


def _graph(source: SourceModel, reader: Reader, outputs: Mapping[str, str]) -> Graph:
    head, notes = _heads(source, reader)
    notes = (*reader.notes, *notes)
    stored = source.metadata.get(HEAD_KEY, "")
    patterns = source.metadata.get(PATTERN_KEY, "")
    nodes = _named(reader, outputs)
    return check_row(
        check(
            Graph(
                name=re.sub(r"\W", "_", source.name, flags=re.ASCII).lstrip("0123456789")
                or "model",
                inputs=tuple(source.inputs),
                outputs=tuple(outputs),
                nodes=nodes,
                types=with_patterns(reader.types, patterns, source.nodes),
                constants=reader.placed,
                head=head or (stored if stored in read_heads.HEADS.values() else ""),
                notes=notes,
            )
        )
    )


def _named(reader: Reader, outputs: Mapping[str, str]) -> tuple[Node, ...]:
    """The nodes, with the outputs called as in the file."""
    new: dict[str, str] = {}
    made = {node.output for node in reader.nodes}
    for name, tensor in outputs.items():
        if tensor == name:
            continue
        taken = name in reader.types or tensor in new or tensor in outputs or tensor not in made
        if name in made and name not in outputs.values() and name not in new:
            new[name] = reader.names.fresh(f"{name}_values")  # codes go by the name of the file
            reader.types[new[name]] = reader.types.pop(name)
            taken = tensor in new or tensor in outputs or tensor not in made
        if taken:
            shape = reader.shape(new.get(tensor, tensor))
            node = SourceNode(reader.names.fresh(f"{name}_copy"), "Identity", "", (), (), {})
            reader.emit_as(
                node.name, "Reshape", (tensor,), name, {"shape": shape}, origin=node.name
            )
        else:
            new[tensor] = name
            reader.types[name] = reader.types.pop(tensor)
    return tuple(
        replace(
            node,
            inputs=tuple(new.get(source, source) for source in node.inputs),
            output=new.get(node.output, node.output),
        )
        for node in reader.nodes
    )


def _heads(source: SourceModel, reader: Reader) -> tuple[str, tuple[Note, ...]]:
    """What the host does behind the one output, and a note for every output that it finishes."""
    notes, texts = [], []
    for output in source.outputs:
        steps: list[str] = []
        name = output
        while name in reader.heads:
            steps.append(reader.heads[name].text)
            name = reader.heads[name].source
        if steps:
            said = ", then ".join(reversed(steps))
            notes.append(Note(output, f'{said} of "{name}" is left to the host'))
            texts.append(said)
    return (texts[0] if len(set(texts)) == 1 else ""), tuple(notes)
