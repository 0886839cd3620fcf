"""Extents of a file's inputs: those that it states, and those that the user sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from netwright.exchange.onnx.source_tensor import plain_text

Shape = tuple[int, ...]


def set_inputs(
    onnx: Any,
    graph: Any,
    stored: Collection[str],
    faults: list[str],
    *,
    batch: int | None = None,
    given: Mapping[str, Shape],
) -> dict[str, Shape]:
    """Extents of all inputs; those that the file leaves open are closed in its graph too.

    Args:
        onnx: The library.
        graph: Of the model; its inputs get the extents, and what it states behind them is dropped
            where they differ.
        stored: Names of initializers, which are no inputs.
        faults: Inputs whose extents are not known, and wrong ones, are added.
        batch: Extent of every first axis; where it is open, 1 without it.
        given: Extents of inputs by name.
    """
    inputs: dict[str, Shape] = {}
    changed: set[int] = set()
    for value in graph.input:
        name = plain_text(value.name)
        if name in stored:
            continue
        if name in inputs:
            faults.append(f'input "{name}" is given twice')
        if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
            if name not in given or not value.type.HasField("tensor_type"):
                faults.append(f'input "{name}" must be a tensor with a shape')
                continue
            for _ in given[name]:
                value.type.tensor_type.shape.dim.add()
        extents = value.type.tensor_type.shape.dim
        if name in given and len(given[name]) != len(extents):
            faults.append(
                f'input "{name}" has {len(extents)} axes; its shape cannot be {given[name]}'
            )
            continue
        for axis, extent in enumerate(extents):
            wanted = given[name][axis] if name in given else batch if axis == 0 else None
            is_open = not extent.HasField("dim_value")
            if wanted is None and is_open and axis == 0:
                wanted = 1
            if wanted is not None and (is_open or wanted != extent.dim_value):
                changed.update([] if is_open or axis else [int(extent.dim_value)])
                extent.Clear()
                extent.dim_value = wanted
                del graph.value_info[:]  # they were stated for other extents
                for output in graph.output:
                    output.type.tensor_type.ClearField("shape")
            if extent.dim_value < 1:
                faults.append(_open_axis(name, axis, extent))
        inputs[name] = tuple(int(extent.dim_value) for extent in extents) or (1,)
    unknown = [name for name in given if name not in inputs]
    if unknown and not faults:
        named = ", ".join(f'"{name}"' for name in inputs)
        faults += [f'no input is called "{name}"; inputs: {named}' for name in unknown]
    for declared in sorted(changed):
        free_reshapes(onnx, graph, declared)
    return inputs


def free_reshapes(onnx: Any, graph: Any, declared: int) -> None:
    """Let each ``Reshape`` that names the declared batch keep the batch that it gets."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            constants[node.output[0]] = node.attribute[0].t
    for place, node in enumerate(graph.node):
        if node.op_type != "Reshape" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        target = onnx.numpy_helper.to_array(constants[node.input[1]])
        if target.size > 1 and target[0] == declared and 0 not in target:
            name = f"{node.input[1]}_for_any_batch_{place}"
            kept = np.array([0, *target[1:]], dtype=np.int64)
            graph.initializer.append(onnx.numpy_helper.from_array(kept, name))
            node.input[1] = name
            for attribute in [a for a in node.attribute if a.name == "allowzero"]:
                node.attribute.remove(attribute)


def _open_axis(name: str, axis: int, extent: Any) -> str:
    stated = plain_text(extent.dim_param) or str(extent.dim_value)
    return (
        f'input "{name}": the extent of axis {axis} must be a fixed number of 1 or more, not '
        f'"{stated}"; only axis 0 may be open, unless its shape is given (--shape {name}=...)'
    )
