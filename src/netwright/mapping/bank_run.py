"""A graph with the arithmetic of banks, executed on what lies in the banks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Architecture
from netwright.errors import ConfigError, GraphError, MappingError
from netwright.formats import BFLOAT16
from netwright.formats.bfloat import Floats, Halves, bfloat16_words
from netwright.ir import Array, Graph, Interpreter, Node, TensorType
from netwright.ir.interpret import Values
from netwright.ir.ops.attention import of_row
from netwright.ir.ops.bank import order_of, shares_on_host
from netwright.ir.row_size import last_reads
from netwright.kernels import bank_product
from netwright.mapping.bank_memory import BITS, BankMemory
from netwright.mapping.banks import Banks, buffer_elements, matrix_of, place
from netwright.mapping.layout import Layout, Product, banked, lanes_of, product_of
from netwright.mapping.mapping import Mapping as Placement
from netwright.passes import BankArithmetic
from netwright.workload import Workload, from_graph


def bank_arithmetic(architecture: Architecture, **options: object) -> BankArithmetic:
    """The arithmetic of a machine: lanes of its units, and elements that its buffer holds.

    Args:
        architecture: A machine whose memory has a unit beside each bank.
        options: Fields of :class:`netwright.passes.BankArithmetic`, in place of those of the
            machine or beside them.

    Raises:
        ConfigError: It has no such memory, or an option is out of range.
    """
    memory = banked(architecture)
    if memory is None or memory.dram is None:
        raise ConfigError(f'architecture "{architecture.name}" has no unit beside its banks',
                          hint="name one in the section dram of a memory")  # fmt: skip
    held = buffer_elements(architecture, memory.dram, BITS)
    own = {"lanes": lanes_of(architecture, memory.dram)} | ({"piece": held} if held else {})
    return BankArithmetic(**{**own, **options})  # type: ignore[arg-type]


def with_caches(graph: Graph) -> Graph:
    """The graph whose keys and values come from a memory: inputs ``NAME.keys``, ``NAME.values``.

    What the graph itself makes of the tokens, the new rows of the caches, is among its outputs.
    """
    nodes, inputs, outputs = list[Node](), list(graph.inputs), list(graph.outputs)
    types = dict(graph.types)
    for node in graph.nodes:
        if node.op != "BankAttention":
            nodes.append(node)
            continue
        names = cache_names(node)
        for name, made in zip(names, node.inputs[1:3], strict=True):
            types[name] = TensorType(types[made].shape, BFLOAT16)
            inputs.append(name)
            outputs += [made] if made not in outputs else []
        nodes.append(replace(node, inputs=(node.inputs[0], *names, *node.inputs[3:])))
    return replace(graph, nodes=tuple(nodes), inputs=tuple(inputs), outputs=tuple(outputs),
                   types=types)  # fmt: skip


def cache_names(node: Node) -> tuple[str, str]:
    """The inputs that hold the keys and the values of an attention."""
    return f"{node.name}.keys", f"{node.name}.values"


@dataclass(frozen=True, eq=False)
class BankRun:
    """A graph whose products read every word of weights, keys and values from its bank.

    It is the interpreter's arithmetic, so it equals the interpreter in every bit; what could differ
    is the layout, and the order in which units add up.

    Attributes:
        graph: A graph that :class:`netwright.passes.BankArithmetic` made.
        placement: Where everything lies.
        memory: What lies there.
        places: Layout and product of every tensor in the banks.
        lanes: Products of a step of a unit.
        num_threads: Threads of products.
    """

    graph: Graph
    placement: Placement
    memory: BankMemory
    places: Mapping[str, tuple[Layout, Product]]
    lanes: int
    num_threads: int = 1

    @classmethod
    def of(
        cls, graph: Graph, architecture: Architecture, *, rules: Banks | None = None,
        num_threads: int = 1,
    ) -> BankRun:  # fmt: skip
        """Place a graph in the banks of a machine and load its weights.

        Args:
            graph: A graph that :class:`netwright.passes.BankArithmetic` made.
            architecture: A machine whose memory has a unit beside each bank.
            rules: Rules of the placement; all of them if not given.
            num_threads: Threads of products.

        Raises:
            ConfigError: The machine has no such memory.
            GraphError: Nothing of the graph is a product of units beside banks.
            Infeasible: The tensors do not fit.
            MappingError: Units would add up in another order than the graph says.
        """
        memory = banked(architecture)
        if memory is None or memory.dram is None:
            raise ConfigError(f'architecture "{architecture.name}" has no unit beside its banks')
        if not any(_in_banks(node) for node in graph.nodes):
            raise GraphError(
                f'graph "{graph.name}" has no product of units beside banks',
                hint="make its arithmetic that of the machine: mapping.bank_arithmetic",
            )
        workload = from_graph(with_caches(graph), float_bits=BITS)
        placement = place(workload, architecture, rules)
        found = dict(_placed(workload, placement))
        lanes = lanes_of(architecture, memory.dram)
        rows = max((layout.first_row + layout.num_rows for layout, _ in found.values()), default=0)
        made = cls(
            graph, placement, BankMemory.of(memory.dram, rows), found, lanes, num_threads
        )  # fmt: skip
        made._check_orders()
        for node in graph.nodes:
            if node.op == "BankMatMul":
                layout, product = made._place(node, node.inputs[1])
                words = bfloat16_words(graph.constants[node.inputs[1]].T)
                made.memory.write(layout, product, words[None])
        return made

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Execute the graph; as :meth:`netwright.ir.Interpreter.run`.

        Raises:
            DataError: An input is missing, has another shape, or holds NaN or infinity.
        """
        interpreter = Interpreter.of(self.graph)
        values: dict[str, Array] = {**self.graph.constants, **interpreter.checked_inputs(inputs)}
        wanted = tuple(dict.fromkeys((*self.graph.outputs, *keep)))
        finished, found = last_reads(self.graph, wanted), dict[str, Array]()
        for node in self.graph.nodes:
            read = [values[name] for name in node.inputs]
            if node.op == "BankMatMul":
                made = self._multiply(node, read[0])
            elif node.op == "BankAttention":
                made = self._attend(node, read)
            else:
                made = interpreter.execute(node, [np.asarray(v, np.float64) for v in read])
            values[node.output] = made
            if node.output in wanted:
                found[node.output] = made.astype(np.float64)
            for name in finished[node.name]:
                del values[name]
        return found

    def _multiply(self, node: Node, x: Array) -> Array:
        layout, product = self._place(node, node.inputs[1])
        vectors = self.memory.read(layout, product)[0]
        rows = np.ascontiguousarray(x, np.float32).reshape(-1, product.length)
        made = self._product(node, rows, vectors)
        return made.reshape(*x.shape[:-1], product.outputs)

    def _attend(self, node: Node, inputs: list[Array]) -> Array:
        queries, keys, values = (np.asarray(part, np.float32) for part in inputs[:3])
        mask = inputs[3] if len(inputs) > 3 else None
        batch, heads, tokens, width = queries.shape
        own, length = keys.shape[1:3]
        made = np.empty((*queries.shape[:3], values.shape[3]), np.float64)
        for row in range(batch):
            held = self._cached(node, keys[row], values[row])
            grouped = queries[row].reshape(own, -1, width)
            for group in range(own):
                scores = self._product(node, grouped[group], held[0][group])
                seen = of_row(mask, row)
                if seen is not None and seen.ndim > 2 and len(seen) > 1:
                    seen = seen.reshape(own, heads // own, *seen.shape[1:])[group]
                shares = shares_on_host(node, scores.reshape(-1, tokens, length), seen)
                flat = np.ascontiguousarray(shares).reshape(-1, length)
                part = self._product(node, flat, held[1][group])
                first = group * (heads // own)
                made[row, first : first + heads // own] = part.reshape(-1, tokens, part.shape[1])
        return made

    def _cached(self, node: Node, keys: Floats, values: Floats) -> tuple[Halves, Halves]:
        """Keys (groups, tokens, features) and values (groups, features, tokens) from the banks."""
        found = []
        for name, vectors in zip(cache_names(node), (keys, values.swapaxes(1, 2)), strict=True):
            layout, product = self._place(node, name)
            self.memory.write(layout, product, bfloat16_words(vectors))
            found.append(self.memory.read(layout, product))
        return found[0], found[1]

    def _product(self, node: Node, x: Floats, vectors: Halves) -> Floats:
        lanes, piece, bits = order_of(node)
        if not len(x):
            return np.empty((0, len(vectors)), np.float32)
        return bank_product(
            x, vectors, lanes=lanes, piece=piece, sum_bits=bits, num_threads=self.num_threads
        )

    def _place(self, node: Node, tensor: str) -> tuple[Layout, Product]:
        if tensor not in self.places:
            raise GraphError(f'"{tensor}" does not lie in the banks', node=node.name)
        return self.places[tensor]

    def _check_orders(self) -> None:
        """Refuse layouts in which units add up in another order than the graph says."""
        faults = []
        for node in self.graph.nodes:
            for name in _in_banks(node):
                layout, product = self._place(node, name)
                lanes, piece, _ = order_of(node)
                own = self.lanes if layout.summed_along_rows else 1
                if lanes != own:
                    faults.append(f'"{name}": units take {own} elements in a step, "{node.name}" '
                                  f"says {lanes}")  # fmt: skip
                if piece != layout.piece and product.length > min(piece, layout.piece):
                    faults.append(f'"{name}": {layout.piece} elements fill the buffer, '
                                  f'"{node.name}" says {piece}')  # fmt: skip
        if faults:
            raise MappingError(faults)


def _in_banks(node: Node) -> tuple[str, ...]:
    if node.op == "BankMatMul":
        return (node.inputs[1],)
    return cache_names(node) if node.op == "BankAttention" else ()


def _placed(
    workload: Workload, placement: Placement
) -> Iterator[tuple[str, tuple[Layout, Product]]]:
    """Layout and product of every tensor that lies in the banks."""
    layouts = {layout.tensor: layout for layout in placement.layouts}
    for einsum in workload.einsums:
        wanted = matrix_of(workload, einsum)
        if wanted is not None:
            name = wanted.tensors[wanted.of("weight")].name
            yield name, (layouts[name], product_of(wanted))
