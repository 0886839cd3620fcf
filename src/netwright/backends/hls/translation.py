"""From an integer graph to the layers of the firmware; every refusal happens here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from netwright.backends.base import refuse_groups
from netwright.backends.hls.enlarging import lower_resize
from netwright.backends.hls.layers import Firmware, Layer, View, channels_last, plain_index
from netwright.backends.hls.linear import lower_conv, lower_matmul, lower_sum_pool
from netwright.backends.hls.lookup import lower_lookup
from netwright.backends.hls.lowering import WHERE, IoType, Lowering
from netwright.backends.hls.merging import (
    lower_add,
    lower_concat,
    lower_max_pool,
    lower_reshape,
    lower_transpose,
)
from netwright.backends.hls.parts import lower_slice
from netwright.backends.hls.quantizers import lower_relu, lower_requantize, lower_sign
from netwright.backends.hls.registers import EXACT_BITS, exponent_of_scale
from netwright.errors import BackendError, GraphError, NumericsError
from netwright.ir import Graph, Node, bounds, check, real_regions

RULES: Mapping[str, Callable[[Lowering, Node], View]] = {
    "MatMul": lower_matmul,
    "Conv": lower_conv,
    "ConvTranspose": lower_conv,
    "Requantize": lower_requantize,
    "Relu": lower_relu,
    "Sign": lower_sign,
    "Add": lower_add,
    "Concat": lower_concat,
    "MaxPool": lower_max_pool,
    "SumPool": lower_sum_pool,
    "Lookup": lower_lookup,
    "Reshape": lower_reshape,
    "Resize": lower_resize,
    "Slice": lower_slice,
    "Transpose": lower_transpose,
}
"""How each operator is made; ``Quantize`` is done on the host."""

MAX_STREAM_READERS = 7
"""Copies of a stream that hls4ml can make."""

_WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "SumPool", "Resize")
_ELEMENTWISE = ("Requantize", "Relu", "Sign", "Add", "Concat", "Slice")


def lower(graph: Graph, io_type: IoType) -> Firmware:
    """The layers that compute exactly what `graph` means.

    Raises:
        GraphError: The graph breaks a rule of the IR, or is not in the integer form.
        UnsupportedOp: A node cannot be computed exactly; the hint says what can.
        NumericsError: A value or constant is too wide to pass to or from the firmware exactly.
        BackendError: Nothing of the graph is left for the firmware.
    """
    check(graph)
    if not graph.is_integer:
        raise GraphError(
            f'graph "{graph.name}" must be in the integer form{real_regions(graph)}',
            hint="apply netwright.passes.integerize first",
        )
    lowering = Lowering(graph, io_type, bounds(graph))
    if all(node.op in RULES or node.op == "Quantize" for node in graph.nodes):
        refuse_groups(graph, WHERE)
    host: dict[str, View] = {}
    live = _live(graph)
    for node in graph.nodes:
        if lowering.streams and node.output not in live:
            continue  # nobody would read its stream, which fills up and blocks the others
        if node.op == "Quantize":
            host[node.output] = lowering.views[node.output] = _input(lowering, node)
            continue
        rule = RULES.get(node.op)
        if rule is None:
            accepted = ", ".join(("Quantize", *RULES))
            raise lowering.refuse(node, f"operators it can make: {accepted}")
        if node.op != "Add" and node.inputs[0] in graph.constants:
            raise lowering.refuse(node, "fold the constant into what reads it")
        lowering.views[node.output] = rule(lowering, node)
    outputs = _outputs(lowering, host)
    if lowering.streams:
        _check_readers(lowering, outputs)
    return Firmware(tuple(lowering.layers), host, outputs, dict(lowering.views))


def _live(graph: Graph) -> set[str]:
    """Tensors that an output is made from, the outputs among them."""
    live, waiting = set(graph.outputs), list(graph.outputs)
    while waiting:
        node = graph.producers.get(waiting.pop())
        new = set(node.inputs) - live if node is not None else set()
        live |= new
        waiting += new
    return live


def _input(lowering: Lowering, node: Node) -> View:
    if node.inputs[0] not in lowering.graph.inputs:
        raise lowering.refuse(node, "only inputs of the graph can be quantized; use Requantize")
    extents = lowering.extents(node.output)
    if not 1 <= len(extents) <= 3:
        raise lowering.refuse(node, "inputs must have 1 to 3 axes besides the batch")
    exponent = exponent_of_scale(lowering.graph.types[node.output].scale)
    register = lowering.register(node.output, exponent)
    _check_width(lowering, node.output, "input")
    shape, index = extents, plain_index(extents)
    if len(extents) > 1 and _feeds_windows(lowering.graph, node.output):
        shape, index = channels_last(extents)
    name = lowering.name(f"in_{node.output}")
    lowering.layers.append(
        Layer(name, "InputLayer", (), {"result": register}, {"input_shape": shape})
    )
    return View(name, shape, index, exponent, register)


def _feeds_windows(graph: Graph, tensor: str) -> bool:
    for node in graph.consumers[tensor]:
        if node.op in _WINDOWED:
            return True
        if node.op in _ELEMENTWISE and _feeds_windows(graph, node.output):
            return True
    return False


def _outputs(lowering: Lowering, host: Mapping[str, View]) -> tuple[str, ...]:
    made = [name for name in lowering.graph.outputs if name in lowering.views]
    inputs = {view.layer for view in host.values()}
    layers = [lowering.views[name].layer for name in made]
    for name in made:
        _check_width(lowering, name, "output")
    kept = tuple(dict.fromkeys(layer for layer in layers if layer not in inputs))
    if not kept:
        raise BackendError(
            f'graph "{lowering.graph.name}" leaves nothing to compute in firmware',
            hint="its outputs are its quantized inputs",
        )
    return kept


def _check_readers(lowering: Lowering, outputs: tuple[str, ...]) -> None:
    """A stream that several layers read is cloned, which hls4ml does up to seven times."""
    readers = Counter([name for layer in lowering.layers for name in layer.inputs] + [*outputs])
    for layer in lowering.layers:
        if readers[layer.name] > MAX_STREAM_READERS:
            raise BackendError(
                f'layer "{layer.name}" is read {readers[layer.name]} times; a stream can be read '
                f"{MAX_STREAM_READERS} times",
                hint='use io_type "io_parallel"',
            )


def _check_width(lowering: Lowering, tensor: str, role: str) -> None:
    dtype = lowering.graph.types[tensor].dtype
    if dtype.bits > EXACT_BITS:
        raise NumericsError(
            f"an {role} of {dtype.bits} bits is too wide; at most {EXACT_BITS} pass exactly",
            tensor=tensor,
            hint="requantize it to fewer bits",
        )
