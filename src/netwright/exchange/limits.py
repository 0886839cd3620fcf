"""What a model file may ask for, in one place, checked before anything is allocated.

A file of some hundred bytes can declare, broadcast, repeat or compute its way to any amount of
memory. The limits leave room for every network that hardware here could hold. They bound what a
row needs; results of many rows are held on top of that.
"""

from __future__ import annotations

from math import prod

from netwright.errors import GraphError

MAX_FILE_BYTES = 1 << 30
"""Bytes of a file, and of one with external data."""

MAX_NODES = 100_000

MAX_TENSOR_VALUES = 1 << 27
"""Values of a constant that a file stores."""

MAX_STORED_VALUES = 1 << 28
"""Values of all constants that a file stores, external data included."""

MAX_COMPUTED_VALUES = 1 << 23
"""Values of a constant that is computed from others."""

MAX_ALL_COMPUTED_VALUES = 1 << 26
"""Values of all constants that are computed from others."""

MAX_ROW_VALUES = 1 << 25
"""Values of all tensors together that one row of inputs goes through.

Executors of other tools hold all of them, as float32; ours those that are still to be read.
"""


class Budget:
    """Counts what a file has asked for so far.

    Args:
        what: What is counted, as in ``"the activations of one row"``.
        most: How many values there may be.
    """

    def __init__(self, what: str, most: int) -> None:
        self.what = what
        self.most = most
        self.spent = 0

    def spend(self, values: int, *, node: str | None = None) -> None:
        """Count some more values.

        Raises:
            GraphError: There are too many now.
        """
        self.spent += values
        if self.spent > self.most:
            raise GraphError(
                f"{self.what} have more than {self.most} values",
                node=node,
                hint="no hardware here holds so many; split the network or reduce its inputs",
            )

    def spend_shape(self, shape: tuple[int, ...], *, node: str | None = None) -> None:
        """Count a tensor of this shape; see :meth:`spend`."""
        count: int = prod(shape)
        self.spend(count, node=node)
