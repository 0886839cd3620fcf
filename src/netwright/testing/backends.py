"""What backends and their designs must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import pytest

from netwright.backends import Backend, Capability, Design, open_design
from netwright.backends.base import GRAPH, MANIFEST, file_digests
from netwright.errors import BackendError, DataError, GraphError, RunError
from netwright.formats import Int
from netwright.ir import Array, AttrValue, Graph, Node, TensorType, spec_of
from netwright.reading import read_json
from netwright.verify import agree, bit_exact, corners, random

ROWS = 24

_NARROW = ("Requantize", "MaxPool", "Concat", "Resize", "Slice")


class _Small:
    """A small integer graph in the making, the same every time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(2)
        self.types = {"x": TensorType((1, *shape)), "q": TensorType((1, *shape), Int(3), (0.5,))}
        self.constants: dict[str, Array] = {}
        attrs: Mapping[str, AttrValue] = {
            "scale": (0.5,), "axis": None, "low": -4, "high": 3, "zero_point": 0,
            "rounding": "half-even",
        }  # fmt: skip
        self.nodes = [Node("q", "Quantize", ("x",), "q", attrs)]
        self.first = "q"

    def node(self, op: str, *inputs: str, **attrs: AttrValue) -> str:
        name = f"n{len(self.nodes)}"
        node = Node(name, op, inputs, name, attrs)
        shape = spec_of(node).shape(node, [self.types[i].shape for i in inputs])
        self.types[name] = TensorType(shape, Int(3 if op in _NARROW else 16), (1.0,))
        self.nodes.append(node)
        return name

    def product(self, op: str, source: str, shape: tuple[int, ...], **attrs: AttrValue) -> str:
        name = f"w{len(self.nodes)}"
        self.constants[name] = self.random.integers(-3, 4, shape)
        self.types[name] = TensorType(shape, Int(3), (0.25,))
        window: dict[str, AttrValue] = {
            "strides": (1,),
            "pads": (0, 0),
            "dilations": (1,),
            "group": 1,
        }
        return self.node(op, source, name, **({} if op == "MatMul" else {**window, **attrs}))

    def requantize(self, source: str) -> str:
        return self.node(
            "Requantize", source, multiplier=(1,), offset=(0,), shift=2, axis=None, low=-4, high=3,
            zero_point=0, rounding="half-even",
        )  # fmt: skip

    def graph(self, output: str) -> Graph:
        return Graph("small", ("x",), (output,), tuple(self.nodes), self.types, self.constants)


def sum_of_products() -> Graph:
    """Two dense layers with a requantizer between them."""
    made = _Small((4,))
    hidden = made.requantize(made.product("MatMul", made.first, (4, 3)))
    return made.graph(made.product("MatMul", hidden, (3, 2)))


def branches() -> Graph:
    """Down and up again, joined with what went past, parts of both, and a sum at the end."""
    made = _Small((1, 8))
    fewer = made.node("Slice", made.first, axis=2, start=1, stop=8, step=2)
    wide = made.requantize(made.product("Conv", fewer, (2, 1, 3), pads=(1, 1)))
    small = made.node("MaxPool", wide, kernel=(2,), strides=(2,), pads=(0, 0))
    up = made.requantize(
        made.product("ConvTranspose", small, (2, 2, 2), strides=(2,), output_padding=(0,))
    )
    both = made.node("Concat", up, wide, axis=1)
    inner = made.node("Slice", both, axis=1, start=1, stop=4, step=1)
    end = made.requantize(made.product("Conv", inner, (2, 3, 1)))
    return made.graph(made.node("Add", end, made.node("Resize", small, factors=(2,))))


class BackendSuite:
    """Tests of backends; inherit it and name them.

    Attributes:
        backends: The backends to test, with options; each kind must be registered
            (``netwright.backends``).
        graphs: Integer graphs that every one of them must be able to make.
        takes_real: Whether they take graphs of real values, too.
    """

    backends: ClassVar[tuple[Backend, ...]] = ()
    takes_real: ClassVar[bool] = False
    graphs: ClassVar[tuple[Graph, ...]] = (sum_of_products(), branches())

    def test_designs_compute_the_integers_of_the_graph(self, tmp_path: Path) -> None:
        """Every row is identical: the corners of the formats and random ones."""
        for graph, design in self._designs(tmp_path):
            for stimulus in (corners(graph), random(graph, rows=ROWS)):
                found = bit_exact(graph, design, stimulus)
                assert found.identical == found.rows > 0, (design, stimulus.name)

    def test_a_design_is_opened_again(self, tmp_path: Path) -> None:
        """The folder alone is enough: the same graph, options, files and integers."""
        for graph, design in self._designs(tmp_path, self.graphs[:1]):
            before = (design.root / MANIFEST).read_bytes()
            again = open_design(design.root)
            assert again.graph == graph
            assert dict(again.files) == dict(design.files)
            assert getattr(again, "options", None) == getattr(design, "options", None)
            assert again.capabilities == design.capabilities
            assert bit_exact(graph, again, random(graph, rows=4)).identical == 4
            assert (design.root / MANIFEST).read_bytes() == before

    def test_equal_graphs_make_equal_files(self, tmp_path: Path) -> None:
        """Text is stable byte for byte, and the manifest lists all of it."""
        for number, backend in enumerate(self._all()):
            graph = self.graphs[0]
            made = [backend.generate(graph, tmp_path / f"{number}-{i}") for i in range(2)]
            assert dict(made[0].files) == dict(made[1].files), backend
            assert file_digests(made[0].root) == dict(made[0].files), backend
            record = read_json(made[0].root / MANIFEST)
            assert record["graph"] == {"name": graph.name, "digest": graph.digest}, backend

    def test_a_foreign_folder_is_left_alone(self, tmp_path: Path) -> None:
        """Nothing that another program wrote is replaced, and nothing of it is opened."""
        (tmp_path / "thesis.tex").write_text("precious")
        for backend in self._all():
            with pytest.raises(RunError):
                backend.generate(self.graphs[0], tmp_path)
            with pytest.raises(RunError):
                backend.open(tmp_path)
            assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"], backend

    def test_a_damaged_design_is_not_opened(self, tmp_path: Path) -> None:
        """A manifest or a graph that was cut is an error that names the file."""
        for number, backend in enumerate(self._all()):
            for name in (MANIFEST, GRAPH):
                design = backend.generate(self.graphs[0], tmp_path / f"{number}-{name}")
                path = design.root / name
                path.write_bytes(path.read_bytes()[:40])
                with pytest.raises(DataError, match=name.split(".")[0]):
                    backend.open(design.root)

    def test_real_numbers_are_refused_or_computed(self, tmp_path: Path) -> None:
        """A graph that is not in the integer form is refused, or computed within its tolerance."""
        node = Node("r", "Relu", ("x",), "y")
        types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
        graph = Graph("real", ("x",), ("y",), (node,), types, {})
        for number, backend in enumerate(self._all()):
            if self.takes_real:
                design = backend.generate(graph, tmp_path / str(number))
                rows = np.random.default_rng(1).normal(size=(ROWS, 2))
                assert agree(graph, design, rows).holds, backend
                continue
            with pytest.raises(GraphError):
                backend.generate(graph, tmp_path / "none")
            assert not (tmp_path / "none").exists(), backend

    def test_inputs_that_do_not_fit_are_refused(self, tmp_path: Path) -> None:
        """Wrong shapes, NaN and tensors that are not there."""
        for number, backend in enumerate(self._all()):
            design = backend.generate(self.graphs[0], tmp_path / str(number))
            rows = np.zeros((3, *design.graph.types[design.graph.inputs[0]].shape[1:]))
            for wrong in (rows[..., :-1], np.full_like(rows, np.nan)):
                with pytest.raises(DataError):
                    design.run(wrong)
            with pytest.raises(DataError):
                design.run(rows, keep=["none such"])

    def test_it_can_do_what_it_says(self, tmp_path: Path) -> None:
        """A capability has a method of its name; one that is not said has none, or refuses."""
        for _, design in self._designs(tmp_path):
            assert design.executed_as, design
            assert design.capabilities <= set(get_args(Capability)), design
            for name in get_args(Capability):
                method = getattr(design, name, None)
                if name in design.capabilities:
                    assert callable(method), (design, name)
                elif method is not None:
                    with pytest.raises(BackendError):
                        method()

    def _designs(
        self, folder: Path, graphs: tuple[Graph, ...] | None = None
    ) -> Iterator[tuple[Graph, Design]]:
        for number, backend in enumerate(self._all()):
            for place, graph in enumerate(self.graphs if graphs is None else graphs):
                yield graph, backend.generate(graph, folder / f"{number}-{place}")

    def _all(self) -> Iterator[Backend]:
        assert self.backends, "name the backends to test in `backends`"
        yield from self.backends
