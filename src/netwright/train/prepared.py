"""A float network as its compression sees it: normalizations folded, layers named by paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx, nn

from netwright.errors import GraphError, NumericsError, VerificationError
from netwright.ir import Graph, Node, operators
from netwright.train.layers import WEIGHTED, Weighted
from netwright.train.module_tracing import CLOSE, Traced, trace_module
from netwright.train.norm import fold_batch_norm
from netwright.train.symbolic import (
    evaluation,
    path_of,
    refusal,
    trace_symbolically,
)

Shape = tuple[int, ...]
InputShapes = Shape | Mapping[str, Shape]
"""Shape of one row: of the only input, or of every input by name."""

_CHECK_ROWS = 4
PRODUCTS = operators("product")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A copy of a module without foldable normalizations, and the graph of what it does.

    Attributes:
        module: The copy; it gives what the module gives.
        traced: Its graph of real values.
        paths: Path of the layer behind every product, by name of its node, in order.
        input_shapes: Shape of one row of every input, by name.
    """

    module: nn.Module
    traced: Traced
    paths: Mapping[str, str]
    input_shapes: Mapping[str, Shape]

    @property
    def graph(self) -> Graph:
        """What the module does."""
        return self.traced.graph

    def layer(self, path: str) -> Weighted:
        """The layer at a path."""
        found = self.module.get_submodule("" if path == self.root_name else path)
        assert isinstance(found, Weighted)
        return found

    @property
    def root_name(self) -> str:
        """Name of the module itself, should it be the layer."""
        return type(self.module).__name__.lower()


def prepare(model: nn.Module, input_shapes: InputShapes) -> Prepared:
    """Fold normalizations, and find out what `forward` does with which layers.

    What the copy does is compared with the module and with the graph, on normal random rows.

    Args:
        model: Any module whose `forward` does the same for all rows; it is not changed.
        input_shapes: Shape of one row of the only input, or of every input by name.

    Raises:
        GraphError: `forward` has no meaning in a graph, uses a layer with weights twice, or
            multiplies with weights that belong to no layer. The place in the module and the line
            are named.
        VerificationError: The graph does not do what the module does.
        DataError: `forward` fails on rows of these shapes.
        NumericsError: What it gives is not finite.
    """
    symbolic = trace_symbolically(model)
    _refuse_wide(model)
    shapes = _named(symbolic.inputs, input_shapes)
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(_CHECK_ROWS, *shape, generator=generator) for shape in shapes.values()]
    folded = fold_batch_norm(model, rows=rows)
    traced = trace_module(folded, [values.numpy() for values in rows])
    _require_same(model, folded, rows)
    paths = _layer_paths(model, folded, traced)
    _refuse_tied(folded, paths)
    if len(shapes) == 1:
        traced = Traced(_with_input(traced.graph, "x"), traced.made_by, traced.dropped)
        shapes = {"x": next(iter(shapes.values()))}
    return Prepared(folded, traced, paths, shapes)


def _refuse_wide(model: nn.Module) -> None:
    """What is trained with quantizers has float32 parameters, like everything that is trained."""
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            kind = str(parameter.dtype).removeprefix("torch.")
            raise GraphError(
                f"its parameters must be float32 to be quantized, not {kind}", node=name,
                hint="convert it first: model.float()",
            )  # fmt: skip


def _named(names: tuple[str, ...], shapes: InputShapes) -> dict[str, Shape]:
    """The shapes by name of the input; other names than those of `forward` go by their order."""
    given = {"x": shapes} if isinstance(shapes, tuple) else dict(shapes)
    if len(given) != len(names):
        raise GraphError(
            f"forward takes {', '.join(names)}; shapes are given for {', '.join(given)}"
        )
    if set(given) == set(names):
        return {name: tuple(given[name]) for name in names}
    return dict(zip(names, map(tuple, given.values()), strict=True))


def _with_input(graph: Graph, name: str) -> Graph:
    """The graph with another name of its only input."""
    old = graph.inputs[0]
    if old == name or name in graph.types:
        return graph
    nodes = tuple(
        replace(node, inputs=tuple(name if key == old else key for key in node.inputs))
        for node in graph.nodes
    )
    types = {name if key == old else key: value for key, value in graph.types.items()}
    return replace(graph, inputs=(name,), nodes=nodes, types=types)


def _require_same(model: nn.Module, twin: nn.Module, rows: list[torch.Tensor]) -> None:
    with evaluation(model), evaluation(twin), torch.no_grad():
        pairs = zip(*(_outputs(m(*(v.clone() for v in rows))) for m in (model, twin)), strict=True)
        for wanted, found in pairs:
            if not np.isfinite(wanted).all():
                raise NumericsError(
                    f"{type(model).__name__} gives NaN or infinity for normal random rows",
                    hint="look at its weights",
                )
            limit = CLOSE * max(float(np.abs(wanted).max(initial=0)), 1e-30)
            if not bool((np.abs(wanted - found) <= limit).all()):
                raise VerificationError(
                    f"{type(model).__name__} does not give what it gives with its normalizations "
                    "folded",
                    hint="forward does something that torch.fx cannot see: values changed in "
                    "place, global hooks, or a decision on data",
                )


def _outputs(found: object) -> list[np.ndarray]:
    items = found if isinstance(found, tuple | list) else [found]
    return [item.double().numpy() for item in items if isinstance(item, torch.Tensor)]


def _layer_paths(model: nn.Module, folded: nn.Module, traced: Traced) -> dict[str, str]:
    """The layer behind every product; each may be used once."""
    paths: dict[str, str] = {}
    users: dict[str, fx.Node] = {}
    for node in traced.graph.nodes:
        if node.op not in PRODUCTS:
            continue
        source = traced.made_by[node.name]
        if source.op != "call_module":
            raise refusal(
                source,
                "multiplies with weights that belong to no layer",
                hint="make it a layer of its own: "
                + ", ".join(f"nn.{kind.__name__}" for kind in WEIGHTED),
            )
        path = path_of(source) or type(folded).__name__.lower()
        if path in users:
            raise refusal(
                source,
                "is used a second time",
                hint="give every use a layer of its own; quantizers belong to one place",
            )
        users[path] = source
        paths[node.name] = path
    return paths


def _refuse_tied(folded: nn.Module, paths: Mapping[str, str]) -> None:
    """Layers that share a parameter would be quantized as one and as two at once."""
    owners: dict[int, str] = {}
    for path in paths.values():
        layer = folded if path == type(folded).__name__.lower() else folded.get_submodule(path)
        for key, parameter in layer.named_parameters():
            first = owners.setdefault(id(parameter), f"{path}.{key}")
            if first != f"{path}.{key}":
                raise GraphError(
                    f"shares its {key} with {first}", node=path,
                    hint="give every layer parameters of its own",
                )  # fmt: skip


def data_inputs(graph: Graph, node: Node) -> tuple[str, ...]:
    """The tensors that a node reads and that are no constants."""
    return tuple(name for name in node.inputs if name not in graph.constants)
