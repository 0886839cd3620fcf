"""A flow for data of the user's own: a flow file, and a Python file with a network and a loss."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

from netwright.errors import ConfigError
from netwright.escape import toml_string
from netwright.files import write_text
from netwright.flows.templates import free_path
from netwright.tasks import Task, load

UNROLLED = 4_000
"""Most weights of a dense network for which the flow makes Verilog at once."""

_HIDDEN = 32

_DENSE = '''\
class Net(nn.Module):
    """Two dense layers over all inputs; put your own network here.

    A parameter with a type is a setting of [model]; task and seed come by themselves.
    """

    def __init__(self, task, hidden: int = {hidden}):
        super().__init__()
        size = sum(prod(shape) for shape in task.input_shapes.values())
        self.shape = task.output_shape
        self.first = nn.Linear(size, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, prod(self.shape))

    def forward(self, {inputs}):
        x = {joined}
        x = F.relu(self.first(x))
        x = F.relu(self.second(x))
        return self.last(x){shaped}
'''

_WINDOWS = '''\
class Net(nn.Module):
    """Two convolutions, their mean, and a dense layer; put your own network here.

    A parameter with a type is a setting of [model]; task and seed come by themselves.
    """

    def __init__(self, task, channels: int = 8):
        super().__init__()
        self.shape = task.output_shape
        self.first = nn.Conv{rank}d(task.input_shape[0], channels, 3, stride=2, padding=1)
        self.second = nn.Conv{rank}d(channels, 2 * channels, 3, stride=2, padding=1)
        self.last = nn.Linear(2 * channels, prod(self.shape))

    def forward(self, {inputs}):
        x = F.relu(self.first({inputs}))
        x = F.relu(self.second(x))
        return self.last(x.mean({axes})){shaped}
'''

_PYTHON = '''\
"""The network and the loss of {flow}; it is run when the flow is read."""

from math import prod

import torch
from torch import nn
from torch.nn import functional as F


{network}

def loss(outputs, targets):
    """One number to make small: the mean over the rows."""
    return F.{loss}(outputs, targets)
'''

_FLOW = """\
# Your own data, network and loss:  netwright run {flow}
# Every setting, its default and its accepted values: docs/runs.md

schema_version = 1
name = {name}
seeds = [7]

[task]
kind = "table"
path = {path}
target = {target}
{inputs}loss = "{python}:loss"

[model]
kind = "{python}:Net"

[train]
epochs = 20
batch_size = 64

[compress]                             # widths by the curvature of the loss
kind = "hawq"
budget = {{ kind = "weight_bits", limit = {limit} }}   # five bits a weight on average
probes = 50
epochs = 5
batch_size = 64

{hardware}
[verify]                               # beside the whole test split and the corner inputs
random_rows = 1_000
tie_rows = 100
qonnx_rows = 500
"""

_RTL = """\
[rtl]                                  # Verilog, simulated and proven; [hls] makes C++
part = "ecp5-85k"
clock_mhz = 100.0
compare_parts = []
"""

_LATER = """\
# [hls]                                # C++; io_type = "io_stream" for large networks
# [rtl]                                # Verilog; reuse_factor = N shares multipliers
"""


def write_own_flow(
    name: str, folder: Path, *, data: Path, target: Sequence[str], inputs: Sequence[str] = ()
) -> tuple[Path, Path]:
    """Write a flow for a file with data, and a Python file with a network and a loss.

    Args:
        name: Name of the flow, and of its runs.
        folder: Where ``NAME.toml`` and ``NAME_net.py`` are written.
        data: The file: ``.npz``, ``.csv`` or ``.parquet``. It is read, so that the files fit it.
        target: Column or columns that the network shall say.
        inputs: Columns that it reads; all others if empty.

    Returns:
        The flow file and the Python file.

    Raises:
        ConfigError: The name is not accepted, or a file exists.
        DataError: The data cannot be read, or do not make a task.
        RunError: The folder cannot be written.
    """
    flow = free_path(folder / f"{name}.toml", name)
    python = folder / f"{name.replace('-', '_')}_net.py"
    if python.exists():
        raise ConfigError("exists already", path=str(python), hint="choose another name")
    task = load(data, target=list(target), inputs=list(inputs))
    where = os.path.relpath(data.resolve(), folder.resolve())
    network, weights = _network(task)
    dense = "Conv" not in network
    text = _PYTHON.format(
        flow=flow.name, network=network, loss="cross_entropy" if task.classes else "mse_loss"
    )
    settings = _FLOW.format(
        flow=flow,
        name=toml_string(name),
        path=toml_string(where),
        target=_names(target),
        inputs=f"inputs = {_names(inputs)}\n" if inputs else "",
        python=python.name,
        limit=5 * weights,
        hardware=_RTL if dense and weights <= UNROLLED else _LATER,
    )
    write_text(python, text)
    return write_text(flow, settings), python


def _network(task: Task) -> tuple[str, int]:
    """The text of a network that fits a task, and the number of its weights."""
    shapes, made = task.input_shapes, prod(task.output_shape)
    shaped = "" if len(task.output_shape) < 2 else ".reshape(-1, *self.shape)"
    names = [f"input_{number}" for number in range(len(shapes))] if len(shapes) > 1 else ["x"]
    extents = task.input_shape if len(shapes) == 1 else ()
    if len(extents) in (2, 3):
        rank, channels = len(extents) - 1, 8
        axes = ", ".join(str(axis) for axis in range(2, 2 + rank))
        text = _WINDOWS.format(
            rank=rank, inputs="x", axes=f"({axes})" if rank > 1 else axes, shaped=shaped
        )
        taps = 3**rank
        return text, channels * (extents[0] * taps + 2 * channels * taps + 2 * made)
    flat = [
        name if len(shape) == 1 else f"{name}.flatten(1)"
        for name, shape in zip(names, shapes.values(), strict=True)
    ]
    joined = flat[0] if len(flat) == 1 else f"torch.cat([{', '.join(flat)}], dim=1)"
    size = sum(prod(shape) for shape in shapes.values())
    text = _DENSE.format(hidden=_HIDDEN, inputs=", ".join(names), joined=joined, shaped=shaped)
    return text, _HIDDEN * (size + _HIDDEN + made)


def _names(names: Sequence[str]) -> str:
    listed = [toml_string(name) for name in names]
    return listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
