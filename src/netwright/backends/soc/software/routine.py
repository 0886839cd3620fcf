"""A graph as one C routine: samples of an event in, words of results out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from netwright.backends.soc.software.arena import arena
from netwright.backends.soc.software.c_values import (
    c_type,
    indented,
    type_bytes,
    working_type,
)
from netwright.backends.soc.software.chains import UNARY, Tables, chain, wrapping
from netwright.backends.soc.software.loops import Loop, counted, loops, moves
from netwright.backends.soc.structure import Input, Output, Structure
from netwright.ir import Graph, Interpreter, Node, bounds

MOVES = ("Concat", "Reshape", "Resize", "Slice", "Transpose")


@dataclass(frozen=True, slots=True)
class Software:
    """A routine that computes a network.

    Attributes:
        text: Its C.
        constant_bytes: Bytes of its constants.
        code_bytes: Bytes that its code takes at most.
        data_bytes: Bytes of its variables.
    """

    text: str
    constant_bytes: int
    code_bytes: int
    data_bytes: int


CODE_BYTES_OF_STEP = 768
"""Bytes of code that one step of a routine takes at most; the linker has the last word."""


def software(graph: Graph, chip: Structure) -> Software:
    """The routine for a graph whose hardware a chip has; the same integers.

    Args:
        graph: A graph that has hardware.
        chip: Its streams, for the order of samples and results.
    """
    return _Routine(graph, chip).made()


class _Routine:
    """A routine in the making."""

    def __init__(self, graph: Graph, chip: Structure) -> None:
        self.graph = graph
        self.chip = chip
        self.interpreter = Interpreter.of(graph)
        self.bounds = bounds(graph)
        self.tables = Tables()
        self.steps = list(_steps(graph))
        self.kinds = {s.terminal.tensor: self._kind(s.terminal.tensor) for s in chip.inputs}
        for nodes in self.steps:
            self.kinds[nodes[-1].output] = self._kind(nodes[-1].output)
        self.places, self.data_bytes = arena(self._lives())

    def made(self) -> Software:
        """The whole text, and how much memory it takes."""
        steps = [self._step(number, nodes) for number, nodes in enumerate(self.steps)]
        body = [*self._inputs(), *(f"step_{n}();" for n in range(len(steps))), *self._outputs()]
        lines = [
            "/* The network, computed by the core: the same integers as its hardware. */",
            '#include "software.h"',
            "",
            '#pragma GCC optimize("O2")',
            "",
            *self.tables.lines,
            "",
            f"static int64_t memory[{max(self.data_bytes // 8, 1)}];",
            *(
                f"static {kind} *const {self._name(name)} = "
                f"({kind} *)((char *)memory + {self.places[name]});"
                for name, kind in self.kinds.items()
            ),
            *(line for step in steps for line in step),
            "",
            "void software_run(const volatile uint32_t *samples, uint32_t *results) {",
            *indented(body),
            "}",
        ]
        code = CODE_BYTES_OF_STEP * (len(steps) + len(self.kinds))
        return Software("\n".join(lines) + "\n", self.tables.bytes, code, self.data_bytes)

    def _kind(self, tensor: str) -> str:
        found, dtype = self.bounds[tensor], self.graph.types[tensor].dtype
        if tensor in self.interpreter.wrapped:
            return c_type((int(dtype.min), int(dtype.max)))
        return c_type((found.low, found.high))

    def _lives(self) -> Iterator[tuple[str, int, int, int]]:
        """Every tensor that is kept: its name, bytes, first and last step."""
        last = {name: -1 for name in self.kinds}
        born = {source.terminal.tensor: -1 for source in self.chip.inputs}
        for number, nodes in enumerate(self.steps):
            born[nodes[-1].output] = number
            for tensor in nodes[0].inputs:
                if tensor in last:
                    last[tensor] = number
        for name in self.graph.outputs:
            last[name] = len(self.steps)
        for name, kind in self.kinds.items():
            size = int(np.prod(self.graph.types[name].shape[1:])) * type_bytes(kind)
            yield name, size, born[name], max(last[name], born[name])

    def _name(self, tensor: str) -> str:
        if tensor in self.graph.constants:
            return self.tables.add(self.graph.constants[tensor].astype(np.int64).reshape(-1))
        return f"values_{list(self.kinds).index(tensor)}"

    def _step(self, number: int, nodes: list[Node]) -> list[str]:
        first, output = nodes[0], nodes[-1].output
        if first.op in MOVES:
            body = list(moves(first, self.graph, self._name, self.tables))
        else:
            peak = max(self.bounds[node.output].peak for node in nodes)
            working = working_type(peak)
            unary = first.op in UNARY
            loop = loops(first, self.graph, self._name, self.tables, working)
            chained = nodes if unary else nodes[1:]
            statements = [] if unary else list(wrapping(first.output, self.graph, self.interpreter))
            for node in chained:
                channel = self._channel(loop, node)
                statements += chain([node], self.graph, self.interpreter, self.tables, channel)
            statements.append(f"{self._name(output)}[{loop.index}] = v;")
            body = [*loop.before, *indented(statements, len(loop.after)), *loop.after]
        return ["", f"static void step_{number}(void) {{", *indented(body), "}"]

    def _channel(self, loop: Loop, node: Node) -> str:
        """The number of the element along the axis of a node's constants."""
        axis, shape = node.axis(), self.graph.types[node.output].shape
        if axis is None:
            return "0"
        if loop.axis is not None and axis % len(shape) == loop.axis % len(shape):
            return loop.channel
        inner = int(np.prod(shape[axis + 1 :]))
        return f"({loop.index}) / {inner} % {shape[axis]}"

    def _inputs(self) -> Iterator[str]:
        for source in self.chip.inputs:
            yield from self._input(source)

    def _input(self, source: Input) -> Iterator[str]:
        tensor, bits = source.terminal.tensor, source.sample_bits
        sign = "" if source.terminal.stream.is_signed else "u"
        kind = f"const volatile {sign}int{bits}_t *"
        order = source.terminal.order.reshape(-1)
        sample = f"(({kind})((const volatile char *)samples + {source.offset}))[i]"
        target = f"{self._name(tensor)}[{counted(order, self.tables)}]"
        yield f"for (int i = 0; i < {len(order)}; ++i) {target} = {sample};"

    def _outputs(self) -> Iterator[str]:
        for output in self.chip.outputs:
            yield from self._output(output)

    def _output(self, output: Output) -> Iterator[str]:
        order = output.terminal.order.reshape(-1)
        source = f"{self._name(output.terminal.tensor)}[{counted(order, self.tables)}]"
        head = f"for (int i = 0; i < {len(order)}; ++i)"
        if output.element_words == 1:
            yield f"{head} results[{output.offset} + i] = (uint32_t){source};"
            return
        yield f"{head} {{"
        yield f"  int64_t v = {source};"
        yield f"  results[{output.offset} + 2 * i] = (uint32_t)v;"
        yield f"  results[{output.offset} + 2 * i + 1] = (uint32_t)(v >> 32);"
        yield "}"


def _steps(graph: Graph) -> Iterator[list[Node]]:
    """Nodes that one loop computes: element-wise ones follow in the loop of what they read."""
    done: set[str] = set()
    for node in graph.nodes:
        if node.op == "Quantize" or node.name in done:
            continue
        nodes = [node]
        while node.op not in MOVES:
            readers = graph.consumers[nodes[-1].output]
            if len(readers) != 1 or readers[0].op not in UNARY:
                break
            if nodes[-1].output in graph.outputs:
                break
            nodes.append(readers[0])
        done.update(member.name for member in nodes)
        yield nodes
