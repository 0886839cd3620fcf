"""The integer graph while it is being built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, NumericsError
from netwright.formats import Bipolar, Format, NumberFormat, Pattern, smallest_int
from netwright.ir import (
    KEEPS_VALUES,
    AttrValue,
    Bounds,
    Graph,
    Node,
    Note,
    TensorType,
    check,
    spec_of,
)
from netwright.ir.ops.filters import along_filters, filters_as_stored, filters_first
from netwright.passes.carried import Carried, HostValues, Reals, TableValues, compact
from netwright.passes.rationals import Exact, reals

Codes = NDArray[np.int64]

_MARGIN = 1 + 2.0**-20


class IntegerBuilder:
    """Collects the nodes, types and constants of an integer graph.

    Attributes:
        graph: The graph in the quantized form that is being translated.
        values: Real values of its constant tensors, computed ones included.
        state: What each of its tensors has become so far.
        settled: The same with nothing pending, by name and by how fine a grid was asked for.
        notes: What was not exact.
    """

    def __init__(self, graph: Graph, values: Mapping[str, Reals]) -> None:
        self.graph = graph
        self.values = values
        self.state: dict[str, Carried | HostValues | TableValues] = {}
        self.settled: dict[tuple[str, int], Carried] = {}
        self.notes: list[Note] = []
        self._reserved = graph.types.keys() | {node.name for node in graph.nodes}
        self._nodes: dict[str, Node] = {}
        self._producers: dict[str, Node] = {}
        self._types: dict[str, TensorType] = {name: graph.types[name] for name in graph.inputs}
        self._constants: dict[str, Codes] = {}
        self._bounds: dict[str, Bounds] = {}
        self._read: set[str] = set()

    def take(self, name: str, node: Node) -> Carried:
        """What the tensor `name` of the source graph has become, for use by `node`.

        Raises:
            GraphError: It is still real-valued, or a constant.
        """
        carried = self.state.get(name)
        if isinstance(carried, HostValues):
            raise GraphError(
                f'input "{carried.source}" reaches "{node.name}" without a quantizer',
                hint="put a Quant node behind the input, or let one be put there: --input-quant "
                "BITS,SCALE (input_quantizer= in Python)",
            )
        if isinstance(carried, TableValues):
            raise GraphError(
                f'"{name}" holds values of a function, which are no codes before a quantizer',
                node=node.name,
                hint="put a quantizer with one scale directly behind the function",
            )
        if carried is None:
            raise GraphError(
                f'"{name}" is a constant; {node.op} needs an activation there', node=node.name
            )
        alone = len(self.graph.consumers[name]) + self.graph.outputs.count(name) == 1
        return carried if alone else replace(carried, exclusive=False)

    def note(self, node: str, text: str, error: float, bound: float) -> dict[int, float]:
        """Record something inexact; returns the drift of what it was done to.

        The bounds get a margin for float64, in which real values of codes are computed.
        """
        self.notes.append(Note(node, text, error * _MARGIN, bound * _MARGIN))
        return {len(self.notes) - 1: bound * _MARGIN}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the integer tensor `name`."""
        return self._types[name].shape

    def free_name(self, wanted: str) -> str:
        """`wanted`, or a numbered variant, that no node, tensor or constant of either graph has."""
        taken = (self._types, self._nodes, self._reserved)  # no union: there may be many
        name, number = wanted, 2
        while any(name in names for names in taken):
            name, number = f"{wanted}_{number}", number + 1
        return name

    def constant(
        self,
        wanted: str,
        codes: Codes,
        scale: Exact | Reals,
        *,
        dtype: NumberFormat | None = None,
        pattern: Pattern | None = None,
        group_axis: int = -1,
    ) -> str:
        """Add a constant; its format is `dtype` if that holds it, else the narrowest that does.

        It gets the pattern if it has it. Returns its name.
        """
        name = self.free_name(wanted)
        return self._put(name, codes, scale, dtype=dtype, pattern=pattern, group_axis=group_axis)

    def _put(
        self,
        name: str,
        codes: Codes,
        scale: Exact | Reals,
        *,
        dtype: NumberFormat | None = None,
        pattern: Pattern | None = None,
        group_axis: int = -1,
    ) -> str:
        low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
        if dtype is None or not _holds(Format(dtype, group_axis=group_axis), codes):
            dtype, group_axis = smallest_int(low, high), -1
        values, axis = compact(np.abs(reals(scale)), codes.shape, node=name)
        if pattern is not None and pattern.fault(codes):
            pattern = None
        format = Format(dtype, tuple(map(float, values)), axis, pattern, group_axis)
        self._types[name] = TensorType(codes.shape, format)
        self._constants[name] = codes.astype(np.int64)
        self._bounds[name] = Bounds(low, high, max(abs(low), abs(high)))
        return name

    def emit(
        self,
        op: str,
        name: str,
        inputs: tuple[str, ...],
        output: str,
        attrs: Mapping[str, AttrValue],
        *,
        scale: Exact,
        origin: str,
        drift: Mapping[int, float] | None = None,
        format: Format | None = None,
    ) -> Carried:
        """Add a node; the result's format is the narrowest that holds its exact bounds.

        It has the number format of `format` if that is given.

        Raises:
            NumericsError: Its values need more than 63 bits.
        """
        node = Node(name, op, inputs, output, attrs, origin)
        spec = spec_of(node)
        assert spec.bounds is not None, op
        shape = spec.shape(node, [self._types[source].shape for source in inputs])
        limits = [self._bounds.get(source, Bounds(0, 0)) for source in inputs]
        result = spec.bounds(node, limits, [self._constants.get(source) for source in inputs])
        if result.peak >> 63:
            raise NumericsError(
                f'node "{name}" makes values of up to {result.peak.bit_length() + 1} bits',
                tensor=output,
                hint="use fewer weight or activation bits",
            )
        steps = np.abs(reals(scale))
        if not np.all(np.isfinite(steps)) or np.any(steps == 0):
            raise NumericsError("its scale is beyond the range of float64", tensor=output)
        values, axis = compact(steps, shape, node=name)
        signs = op == "Sign" or (
            op in KEEPS_VALUES and all(self._types[source].dtype == Bipolar() for source in inputs)
        )
        made = Format(Bipolar() if signs else smallest_int(result.low, result.high))
        made = replace(format or made, scale=tuple(map(float, values)), axis=axis)
        self._nodes[name] = self._producers[output] = node
        self._types[output] = TensorType(shape, made)
        self._bounds[output] = result
        self._read.update(inputs)
        return Carried(output, scale, result, drift=drift or {})

    def maker(self, carried: Carried) -> str:
        """Name of the node that makes the codes."""
        return self._producers[carried.name].name

    def changeable(self, carried: Carried, *ops: str) -> Node | None:
        """The node that makes `carried`, if it is one of `ops` and may still be changed."""
        if not carried.exclusive or carried.name in self._read:
            return None
        node = self._producers[carried.name]
        return node if node.op in ops else None

    def tighten(self, node: Node, low: int, high: int, *, scale: Exact) -> Carried:
        """Clamp the codes that a quantizer makes further; `node` is from :meth:`changeable`."""
        zero_point = node.integer("zero_point", 0)
        ends = [node.integer("low"), node.integer("high")]
        limits = [min(max(end, low + zero_point), high + zero_point) for end in ends]
        attrs = {**node.attrs, "low": limits[0], "high": limits[1]}
        return self.emit(
            node.op, node.name, node.inputs, node.output, attrs, scale=scale, origin=node.origin
        )

    def change_product(self, node: Node, factor: Codes, addend: Codes, scale: Exact) -> Carried:
        """Multiply the outputs of a product by `factor` and add `addend`, in its constants.

        Args:
            node: From :meth:`changeable`.
            factor: One integer, or one for each output channel.
            addend: One integer, or one for each output channel.
            scale: Scale of the changed result.
        """
        stored, tensor = self._constants[node.inputs[1]], self._types[node.inputs[1]]
        weights = filters_first(node, stored, stored.shape)
        channels = len(weights)
        columns = factor.reshape(-1, *(1,) * (weights.ndim - 1))
        bias = np.zeros(channels, dtype=np.int64)
        if len(node.inputs) == 3:
            bias = self._constants[node.inputs[2]]
        bias = bias * factor.reshape(-1) + addend.reshape(-1)
        dtype = tensor.dtype if tensor.is_integer else None
        scale_of = filters_first(node, tensor.scale_array(), stored.shape)
        unit = (scale_of / np.abs(np.where(columns == 0, 1, columns))).reshape(-1)
        self._put(
            node.inputs[1],
            filters_as_stored(node, weights * columns),
            stored_scale(node, np.broadcast_to(unit, (channels,)), stored.shape),
            dtype=dtype,
            pattern=tensor.pattern,
            group_axis=tensor.format.group_axis,
        )
        has_bias = len(node.inputs) == 3
        name = node.inputs[2] if has_bias else self.free_name(f"{node.name}.bias")
        self._put(name, np.broadcast_to(bias, (channels,)), scale.reshape(-1))
        inputs = (*node.inputs[:2], name)
        return self.emit(
            node.op, node.name, inputs, node.output, node.attrs, scale=scale, origin=node.origin
        )

    def finish(self, outputs: Mapping[str, Carried]) -> Graph:
        """The checked integer graph.

        Args:
            outputs: The plain tensor that has become of each output, in order.
        """
        made = self._assigned(outputs)
        renamed = {tensor: name for tensor, name in made.items() if tensor != name}
        for name in outputs:  # another tensor may have the name of the output that it became
            if name in self._types and made.get(name) != name and name not in renamed:
                renamed[name] = self.free_name(f"{name}_before")
        nodes = tuple(
            replace(
                node,
                inputs=tuple(renamed.get(source, source) for source in node.inputs),
                output=renamed.get(node.output, node.output),
            )
            for node in self._nodes.values()
        )
        used = {*self.graph.inputs, *(source for node in nodes for source in node.inputs)}
        used.update(node.output for node in nodes)
        types = {renamed.get(name, name): tensor for name, tensor in self._types.items()}
        return check(
            replace(
                self.graph,
                nodes=nodes,
                outputs=self.graph.outputs,
                types={name: tensor for name, tensor in types.items() if name in used},
                constants={name: v for name, v in self._constants.items() if name in used},
                notes=(*self.graph.notes, *self._reaching(outputs)),
            )
        )

    def _assigned(self, outputs: Mapping[str, Carried]) -> dict[str, str]:
        """The output that each tensor becomes; a tensor of several outputs is copied."""
        made: dict[str, str] = {}
        own_first = sorted(outputs, key=lambda name: outputs[name].name != name)
        for name in own_first:
            carried = outputs[name]
            if carried.name in made or not (carried.exclusive or self._has_scale(carried)):
                made[self._copy(name, carried)] = name
            else:
                self._rescale(carried)
                made[carried.name] = name
        return made

    def _reaching(self, outputs: Mapping[str, Carried]) -> list[Note]:
        """The notes, with what each may change at the outputs."""
        return [
            replace(
                note,
                output_bound=max(carried.drift.get(number, 0.0) for carried in outputs.values()),
            )
            for number, note in enumerate(self.notes)
        ]

    def _rescale(self, carried: Carried) -> None:
        """Let the type of the tensor tell the scale that it was found to have."""
        tensor = self._types[carried.name]
        values, axis = compact(reals(carried.scale), tensor.shape, node=carried.name)
        known = replace(tensor.format, scale=tuple(map(float, values)), axis=axis)
        self._types[carried.name] = replace(tensor, format=known)

    def _has_scale(self, carried: Carried) -> bool:
        tensor = self._types[carried.name]
        values, axis = compact(reals(carried.scale), tensor.shape, node=carried.name)
        return tensor.axis == axis and tensor.scale == tuple(map(float, values))

    def _copy(self, name: str, carried: Carried) -> str:
        """Give a tensor that others use as well a second name, or another scale."""
        copy = self.free_name(f"{name}_copy")
        made = self.emit(
            "Requantize",
            copy,
            (carried.name,),
            copy,
            unchanged_codes(carried.bounds),
            scale=carried.scale,
            origin=name,
        )
        return made.name


def _holds(format: Format, codes: Codes) -> bool:
    """Whether a number format holds all codes, neighbors together."""
    return not format.group_fault(codes.shape) and bool(np.all(format.allowed(codes)))


def unchanged_codes(bounds: Bounds) -> dict[str, AttrValue]:
    """Attributes of a Requantize that keeps every code within `bounds`."""
    return {
        "multiplier": (1,),
        "offset": (0,),
        "shift": 0,
        "axis": None,
        "rounding": "floor",
        "low": bounds.low,
        "high": bounds.high,
        "zero_point": 0,
    }


def stored_scale(node: Node, scale: Exact | Reals, shape: tuple[int, ...]) -> Exact | Reals:
    """One scale for each output of a product, shaped to broadcast against its stored weights.

    Raises:
        GraphError: No axis of the weights has them.
    """
    found = along_filters(node, scale.tolist(), shape)
    if found is None:
        raise GraphError(
            "scales of weights must be the same in every group of a transposed convolution",
            node=node.name,
            hint="give the weights one scale",
        )
    values, axis = found
    line = np.array(values, dtype=scale.dtype)
    return (
        line if axis is None else line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    )
