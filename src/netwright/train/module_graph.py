"""A user's module as a graph of real values: what its `forward` does, node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg

from netwright.errors import DataError, GraphError
from netwright.formats import smallest_int
from netwright.ir import FLOAT, Array, AttrValue, Graph, Node, TensorType, check, spec_of
from netwright.ir.names import Names
from netwright.train.module_ops import (
    CASTS,
    HOST,
    handler_of,
    looked_up_in,
    moves_only,
    writes_into,
)
from netwright.train.module_parts import SEVERAL, Parts, are_parts
from netwright.train.module_refs import Ref
from netwright.train.symbolic import OTHER_AXES, Symbolic, kind_of, path_of, refusal

Recorded = Mapping[fx.Node, object]

_NOISE = 1e-6
"""Rounding of sums, as a share of the largest value, where a module computes in float32 inside."""


class _Recorder(fx.Interpreter):
    """Runs the nodes and keeps a copy of what each gives; casts to floats keep double precision."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.extra_traceback = False
        self.seen: dict[fx.Node, object] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if is_cast(n) and isinstance(value, Tensor) and value.is_floating_point():
            value = self.env[n.all_input_nodes[0]].double()
        self.seen[n] = value.clone() if isinstance(value, Tensor) else value
        return value


def is_cast(node: fx.Node) -> bool:
    """Whether a node only gives its values another type."""
    return node.op == "call_method" and node.target in CASTS


def values_of(node: fx.Node) -> Sequence[fx.Node]:
    """The nodes that a node reads values of; of `type_as` the second one gives only a type."""
    return node.all_input_nodes[:1] if is_cast(node) else node.all_input_nodes


def table_rows(symbolic: Symbolic) -> dict[str, int]:
    """Inputs that say rows of tables, by name, with the number of rows of the smallest table."""
    found: dict[str, int] = {}
    placeholders = [node for node in symbolic.code.graph.nodes if node.op == "placeholder"]
    names = dict(zip(placeholders, symbolic.inputs, strict=True))
    for node in symbolic.code.graph.nodes:
        table = looked_up_in(symbolic, node)
        source = node.all_input_nodes[0] if table is not None and node.all_input_nodes else None
        while source is not None and source not in names and source.all_input_nodes:
            moves = is_cast(source) or moves_only(symbolic, source)
            source = source.all_input_nodes[0] if moves else None
        if table is not None and source in names:
            name = names[source]
            found[name] = min(found.get(name, len(table)), len(table))
    return found


@torch.no_grad()
def record(symbolic: Symbolic, rows: tuple[Tensor, ...]) -> Recorded:
    """What every node gives for a batch of rows, in double precision.

    Raises:
        DataError: `forward` fails on these rows.
    """
    recorder, usual = _Recorder(symbolic.code), torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # tensors that forward makes suit the others
    try:
        recorder.run(*((v.double() if v.is_floating_point() else v).clone() for v in rows))
    except Exception as error:
        shapes = ", ".join(str(tuple(values.shape)) for values in rows)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{type(symbolic.original).__name__}.forward fails on rows of shape {shapes}: {reason}"
        ) from None
    finally:
        torch.set_default_dtype(usual)
    return recorder.seen


@dataclass
class GraphOfModule:
    """Translates the nodes one by one.

    Attributes:
        symbolic: What `forward` does.
        seen: What every node gives for some rows.
        fewer: The same for one row less, the first, and the others in the opposite order; it tells
            what depends on other rows and on how many there are.
        tensors: The tensor of the graph behind each node that was translated.
        parts: What each node gives that splits a tensor.
        made_by: The node behind each operator of the graph, by its name.
        dropped: Dropout on tensors that nothing reads otherwise; in training it is active.
    """

    symbolic: Symbolic
    seen: Recorded
    fewer: Recorded
    tensors: dict[fx.Node, Ref] = field(default_factory=dict)
    parts: dict[fx.Node, Parts] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    made_by: dict[str, fx.Node] = field(default_factory=dict)
    dropped: dict[str, nn.Module] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    _current: dict[fx.Node, fx.Node] = field(default_factory=dict)

    def build(self, name: str) -> Graph:
        """The graph, checked.

        Raises:
            GraphError: A node has no meaning in a graph; its path and its line are named.
        """
        depends: set[fx.Node] = set()
        inputs: list[str] = []
        for node in self.symbolic.code.graph.nodes:
            if node.op == "placeholder":
                depends.add(node)
                inputs.append(self._input(node, self.symbolic.inputs[len(inputs)]))
            elif node.op == "output":
                outputs = self._outputs(node)
            elif depends.intersection(values_of(node)):
                if not self._is_fixed_number(node):
                    depends.add(node)
                    self._translate(node)
            else:
                self._require_constant(node)
        graph = Graph(name, tuple(inputs), outputs, tuple(self.nodes), self.types, self.constants)
        return check(graph)

    def _input(self, node: fx.Node, name: str) -> str:
        rows = table_rows(self.symbolic).get(name)
        name = self.names.fresh(name)
        number = FLOAT if rows is None else smallest_int(0, rows - 1)
        self.types[name] = TensorType(self._row_shape(node), number)
        self.tensors[node] = Ref(name, self.types[name].shape)
        return name

    def _outputs(self, node: fx.Node) -> tuple[str, ...]:
        returned = node.args[0]
        found = list(returned) if isinstance(returned, tuple | list) else [returned]
        names = []
        for item in found:
            item = self._current.get(item, item) if isinstance(item, fx.Node) else item
            if not isinstance(item, fx.Node) or item not in self.tensors:
                raise GraphError(
                    f"{type(self.symbolic.original).__name__}.forward must return a tensor made "
                    f"from its inputs or a tuple of them, not {_kind_of(item)}",
                    hint="return the tensors themselves; build dictionaries outside the module",
                )
            names.append(self.tensors[item].name)
        made = {node.output for node in self.nodes}
        if len(set(names)) < len(names) or not made.issuperset(names):
            raise GraphError(
                f"{type(self.symbolic.original).__name__}.forward returns an input as it is, or "
                "one tensor twice",
                hint="return every result once",
            )
        return tuple(names)

    def _require_constant(self, node: fx.Node) -> None:
        """What does not depend on the inputs is computed once, so it must not change."""
        first, second = self.seen[node], self.fewer[node]
        if isinstance(first, Tensor) and not (
            isinstance(second, Tensor)
            and first.shape == second.shape
            and torch.equal(first, second)
        ):
            raise refusal(
                node,
                "gives another value each time",
                hint="a network has to give the same for the same rows",
            )

    def _is_fixed_number(self, node: fx.Node) -> bool:
        """Whether a node gives a number, such as an extent, that is the same for all rows."""
        if _tensor_of(self.seen[node]) is not None:
            return False
        self._host_number(node)
        return bool(self.seen[node] == self.fewer[node])

    def _translate(self, node: fx.Node) -> None:
        if are_parts(self.seen[node]) and node.target in SEVERAL:
            self._split(node)
            return
        if _tensor_of(self.seen[node]) is None:
            return
        if not node.users and self.parts.keys() & {*node.all_input_nodes}:
            return  # a part that nobody reads
        if is_cast(node):
            self._cast(node, self._resolved(node.all_input_nodes[0]))
            return
        handler = handler_of(self.symbolic, node)
        step = Step(self, node, self._row_shape(node))
        written = writes_into(self.symbolic, node)
        if written is not None:
            self._check_written(node, written)
        args, kwargs = map_arg((node.args, dict(node.kwargs)), step.argument)
        try:
            made = handler(step, *args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise
            raise refusal(node, f"is called in a way that is not known: {error}") from None
        self._check_rows(node)
        if made.shape != step.shape:
            raise refusal(node, f"gives the shape {step.shape}, its translation {made.shape}")
        self.tensors[node] = made
        if written is not None:
            for other, newest in [*self._current.items(), (written, written)]:
                if newest in (written, self._resolved(written)):
                    self._current[other] = node
            self._current[written] = node

    def _split(self, node: fx.Node) -> None:
        step = Step(self, node, ())
        args, kwargs = map_arg((node.args, dict(node.kwargs)), step.argument)
        try:
            self.parts[node] = SEVERAL[node.target](step, *args, **kwargs)
        except TypeError as error:
            raise refusal(node, f"is called in a way that is not known: {error}") from None

    def _cast(self, node: fx.Node, source: fx.Node) -> None:
        """A tensor with another type is the same one, unless its values change."""
        made, read = self.seen[node], self.seen[source]
        assert isinstance(made, Tensor)
        assert isinstance(read, Tensor)
        if not torch.equal(made.double(), read.double()):
            kind = str(made.dtype).removeprefix("torch.")
            raise refusal(
                node, f"changes its values to {kind}",
                hint="masks must hold 0 and 1, and rows of tables whole numbers",
            )  # fmt: skip
        self.tensors[node] = self.tensors[source]

    def _host_number(self, node: fx.Node) -> None:
        value = self.seen[node]
        if node.target not in HOST or not isinstance(value, _HOST_VALUES):
            raise refusal(
                node,
                f"gives {type(value).__name__}, not a tensor",
                hint="keep to tensors inside forward",
            )

    def _check_written(self, node: fx.Node, written: fx.Node) -> None:
        """Refuse an in-place operation whose effect others see through another view."""
        top = written
        while moves_only(self.symbolic, top) and top.all_input_nodes:
            top = top.all_input_nodes[0]
        group, waiting = {top}, [top]
        while waiting:
            for user in waiting.pop().users:
                if moves_only(self.symbolic, user) and user not in group and user is not node:
                    group.add(user)
                    waiting.append(user)
        for member in group - {written}:
            if any(user not in group and user is not node for user in member.users):
                raise refusal(
                    node,
                    "changes values in place that others read through another view",
                    hint="use the operation that is not in place",
                )

    def _resolved(self, node: fx.Node) -> fx.Node:
        return self._current.get(node, node)

    def _row_shape(self, node: fx.Node) -> tuple[int, ...]:
        """The shape for one row, after a check that rows stay apart."""
        many, few = _tensor_of(self.seen[node]), _tensor_of(self.fewer[node])
        assert many is not None
        assert few is not None
        rows = [tensor.shape[0] if tensor.ndim else 0 for tensor in (many, few)]
        inputs = [n for n in self.symbolic.code.graph.nodes if n.op == "placeholder"]
        wanted = [len(run[inputs[0]]) for run in (self.seen, self.fewer)]  # type: ignore[arg-type]
        if rows != wanted or many.shape[1:] != few.shape[1:]:
            raise refusal(
                node,
                f"the result has shape {tuple(many.shape)} for {wanted[0]} rows and "
                f"{tuple(few.shape)} for {wanted[1]}: rows must stay apart, on the first axis",
                hint=OTHER_AXES,
            )
        return (1, *many.shape[1:])

    def _check_rows(self, node: fx.Node) -> None:
        """Refuse what gives a row other values behind other rows, or when one is left out."""
        many, few = _tensor_of(self.seen[node]), _tensor_of(self.fewer[node])
        if many is not None and few is not None and not _is_same(many[1:].flip(0), few):
            raise refusal(
                node,
                "gives other values for a row beside other rows: rows must stay apart",
                hint=OTHER_AXES,
            )


def _kind_of(returned: object) -> str:
    """What `forward` returns, as its author calls it."""
    constant = isinstance(returned, fx.Node)
    return "what depends on none of them" if constant else type(returned).__name__


def _is_same(first: Tensor, second: Tensor) -> bool:
    """Whether values of the same rows are the same, but for the order in which sums are taken."""
    if not first.is_floating_point():
        return torch.equal(first, second)
    peak = float(first.nan_to_num(0.0, 0.0, 0.0).abs().max()) if first.numel() else 0.0
    return torch.allclose(first, second, rtol=0, atol=_NOISE * peak, equal_nan=True)


_HOST_VALUES = (int, tuple, torch.dtype, torch.device)


def _tensor_of(value: object) -> Tensor | None:
    """A tensor, or the first of several that a node gives; ``None`` for what is none."""
    if isinstance(value, tuple | list) and value and isinstance(value[0], Tensor):
        return value[0]
    return value if isinstance(value, Tensor) else None


class NumberOfRows:
    """Stands for numbers that depend on how many rows there are; only reshaping may read them."""


@dataclass
class Step:
    """One node while it is translated: what handlers of operators work with.

    Attributes:
        whole: The translation that it belongs to.
        node: The node.
        shape: What it gives for one row.
    """

    whole: GraphOfModule
    node: fx.Node
    shape: tuple[int, ...]
    _name: str = ""

    @property
    def name(self) -> str:
        """Name of the layer, as an identifier that is unique in the graph."""
        if not self._name:
            wanted = path_of(self.node) if self.node.op == "call_module" else self.node.name
            wanted = re.sub(r"\W", "_", wanted, flags=re.ASCII) or kind_of(self.node).lower()
            wanted = f"layer{wanted}" if wanted[0].isdigit() else wanted
            self._name = self.whole.names.fresh(wanted)
        return self._name

    def argument(self, node: fx.Node) -> Any:
        """What a node means as an argument: a tensor of the graph, a constant, or a number."""
        found = self.whole._resolved(node)
        if found in self.whole.tensors:
            return self.whole.tensors[found]
        if found in self.whole.parts:
            return self.whole.parts[found]
        value = self.whole.seen[found]
        if not isinstance(value, Tensor) and value != self.whole.fewer[found]:
            return NumberOfRows()
        return value

    def emit(self, op: str, inputs: tuple[str, ...], suffix: str = "", **attrs: AttrValue) -> Ref:
        """Append an operator and return what it gives."""
        name = self.whole.names.fresh(f"{self.name}_{suffix}") if suffix else self.name
        output = self.whole.names.fresh(f"{name}_out")
        node = Node(name, op, inputs, output, attrs, origin=path_of(self.node) or self.node.name)
        shape = spec_of(node).shape(node, [self.whole.types[key].shape for key in inputs])
        self.whole.types[output] = TensorType(shape, FLOAT)
        self.whole.nodes.append(node)
        self.whole.made_by[name] = self.node
        return Ref(output, shape)

    def drop(self, source: Ref, layer: nn.Module | None, share: float) -> None:
        """Note that a tensor passes dropout while the network is trained."""
        read = self.node.all_input_nodes[0]
        if len(read.users) == 1:
            self.whole.dropped[source.name] = nn.Dropout(share) if layer is None else layer

    def constant(self, suffix: str, values: Tensor | float | Array) -> str:
        """Add a constant and return its name."""
        name = self.whole.names.fresh(f"{self.name}_{suffix}")
        plain = values.detach().numpy() if isinstance(values, Tensor) else values
        array = np.asarray(plain, dtype=np.float64)
        self.whole.constants[name] = array if array.ndim else array.reshape(1)
        self.whole.types[name] = TensorType(self.whole.constants[name].shape, FLOAT)
        return name

    def refuse(self, reason: str, *, hint: str | None = None) -> GraphError:
        """The error that says why this node cannot be translated."""
        return refusal(self.node, reason, hint=hint)
