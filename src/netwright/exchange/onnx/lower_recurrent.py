"""Recurrent layers: two products a step, of which one waits for the step before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import integer, text
from netwright.exchange.onnx.lower_site import Site
from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import Operand, plain
from netwright.workload.view import View

_T, _B, _H, _I, _K = "TBHIK"
_NEXT = Affine(((_T, 1),), 1)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One direction of a layer.

    Attributes:
        site: Where.
        name: Of the direction.
        direction: Its number.
        is_reversed: Whether it reads the last step first.
        steps: Number of steps.
        batch: Rows.
        width: Features of the state.
    """

    site: Site
    name: str
    direction: int
    is_reversed: bool
    steps: int
    batch: int
    width: int

    @property
    def ranks(self) -> tuple[Rank, ...]:
        return Rank(_T, self.steps), Rank(_B, self.batch), Rank(_H, self.width)

    def state(self, part: str, initial: float = 0.0) -> str:
        """A tensor with a value before the first step and after each one."""
        name = f"{self.name}.{part}"
        self.site.made[name] = (self.steps + 1, self.batch, self.width)
        self.site.initial[name] = initial
        return name

    def now(self, tensor: str) -> Access:
        return Access(tensor, (plain(_T), plain(_B), plain(_H)))

    def later(self, tensor: str) -> Access:
        return Access(tensor, (_NEXT, plain(_B), plain(_H)))

    def each(
        self,
        part: str,
        map_op: MapOp,
        inputs: tuple[Access, ...],
        unary: tuple[UnaryOp, ...] = (),
        constants: tuple[float, ...] = (),
    ) -> Einsum:
        """A value for each step, row and feature."""
        name = f"{self.name}.{part}"
        self.site.made[f"{name}.out"] = (self.steps, self.batch, self.width)
        return Einsum(
            name, self.ranks, self.now(f"{name}.out"), inputs, map_op, unary, constants=constants,
            origin=self.site.node.name,
        )  # fmt: skip

    def becomes(
        self, state: str, map_op: MapOp, inputs: tuple[Access, ...], unary: tuple[UnaryOp, ...] = ()
    ) -> Einsum:
        """The next value of a state."""
        return Einsum(
            f"{state}.step", self.ranks, self.later(state), inputs, map_op, unary,
            iterative=(_T,), origin=self.site.node.name,
        )  # fmt: skip

    def product(self, part: str, gate: int, of_state: Access | None = None) -> Einsum:
        """What a gate gets from the data, or from a state."""
        site = self.site
        data, place = (site.source(0), 1) if of_state is None else (None, 2)
        weight = site.source(place)
        depth = weight.shape[2]
        inner = _I if of_state is None else _K
        row = Affine(((_H, 1),), gate * self.width)
        kernels = weight.at(Affine((), self.direction), row, plain(inner))
        reads = of_state
        if data is not None:
            step = Affine(((_T, -1),), self.steps - 1) if self.is_reversed else plain(_T)
            layout = integer(site.node, "layout", 0)
            index = (step, plain(_B), plain(inner))
            reads = data.at(*((index[1], index[0], index[2]) if layout else index))
        assert reads is not None  # one of the two is given
        name = f"{self.name}.{part}"
        site.made[f"{name}.out"] = (self.steps, self.batch, self.width)
        return Einsum(
            name, (*self.ranks, Rank(inner, depth)), self.now(f"{name}.out"), (reads, kernels),
            "multiply", (), "add", origin=site.node.name,
        )  # fmt: skip

    def bias(self, gate: int) -> Access | None:
        vectors = self.site.optional(3)
        if vectors is None:
            return None
        return vectors.at(Affine((), self.direction), Affine(((_H, 1),), gate * self.width))


def lstm(site: Site) -> list[Einsum]:
    """Gates i, o, f, c: ``C' = f * C + i * c`` and ``H' = o * tanh(C')``."""
    return _recurrent(site, 4, _lstm)


def gru(site: Site) -> list[Einsum]:
    """Gates z, r, h: ``H' = (1 - z) * h + z * H``."""
    return _recurrent(site, 3, _gru)


def rnn(site: Site) -> list[Einsum]:
    """One function of the data and the state before."""
    return _recurrent(site, 1, _rnn)


def _lstm(layer: _Layer) -> tuple[list[Einsum], dict[str, str]]:
    hidden, cell = layer.state("H"), layer.state("C")
    steps, gates = [], {}
    for gate, (name, function) in enumerate(
        (("i", "sigmoid"), ("o", "sigmoid"), ("f", "sigmoid"), ("c", "tanh"))
    ):
        made = _gate(layer, name, gate, 4, hidden, (function,))  # type: ignore[arg-type]
        steps += made
        gates[name] = made[-1].output
    new = layer.each("new", "multiply", (gates["i"], gates["c"]))
    kept = layer.each("kept", "multiply", (gates["f"], layer.now(cell)))
    steps += [new, kept, layer.becomes(cell, "add", (new.output, kept.output))]
    shown = layer.each("shown", "copy", (layer.later(cell),), ("tanh",))
    steps += [shown, layer.becomes(hidden, "multiply", (gates["o"], shown.output))]
    return steps, {"Y": hidden, "Y_h": hidden, "Y_c": cell}


def _gru(layer: _Layer) -> tuple[list[Einsum], dict[str, str]]:
    hidden = layer.state("H")
    steps: list[Einsum] = []
    gates = {}
    for gate, name in enumerate("zr"):
        steps += _gate(layer, name, gate, 3, hidden, ("sigmoid",))
        gates[name] = steps[-1].output
    fresh = [layer.product("h.data", 2)]
    if integer(layer.site.node, "linear_before_reset", 0):
        recurrent = layer.product("h.state", 2, _reads_state(layer, hidden))
        sums = _biased(layer, "h.state", recurrent, 5)
        reset = layer.each("h.reset", "multiply", (gates["r"], sums[-1].output))
        parts = (*sums, reset)
    else:
        reset = layer.each("h.reset", "multiply", (gates["r"], layer.now(hidden)))
        inner = Access(reset.output.tensor, (plain(_T), plain(_B), plain(_K)))
        recurrent = layer.product("h.state", 2, inner)
        parts = (reset, *_biased(layer, "h.state", recurrent, 5))
    fresh += [*_biased(layer, "h.data", fresh.pop(), 2), *parts]
    of_data = next(e for e in reversed(fresh) if e.name.startswith(f"{layer.name}.h.data"))
    both = layer.each("h", "add", (of_data.output, fresh[-1].output), ("tanh",))
    rest = layer.each("rest", "subtract", (gates["z"],), ("negate",), (1.0,))
    new = layer.each("new", "multiply", (rest.output, both.output))
    kept = layer.each("kept", "multiply", (gates["z"], layer.now(hidden)))
    last = layer.becomes(hidden, "add", (new.output, kept.output))
    return [*steps, *fresh, both, rest, new, kept, last], {"Y": hidden, "Y_h": hidden}


def _rnn(layer: _Layer) -> tuple[list[Einsum], dict[str, str]]:
    hidden = layer.state("H")
    steps = _gate(layer, "h", 0, 1, hidden, None)
    last = layer.becomes(hidden, "copy", (steps[-1].output,), ("tanh",))
    return [*steps, last], {"Y": hidden, "Y_h": hidden}


def _gate(
    layer: _Layer, name: str, gate: int, gates: int, hidden: str, unary: tuple[UnaryOp, ...] | None
) -> list[Einsum]:
    """A function of the data and the state before, each times a matrix."""
    data = _biased(layer, f"{name}.data", layer.product(f"{name}.data", gate), gate)
    recurrent = layer.product(f"{name}.state", gate, _reads_state(layer, hidden))
    state = _biased(layer, f"{name}.state", recurrent, gate + gates)
    both = (data[-1].output, state[-1].output)
    return [*data, *state, layer.each(name, "add", both, unary or ())]


def _biased(layer: _Layer, part: str, step: Einsum, gate: int) -> list[Einsum]:
    bias = layer.bias(gate)
    if bias is None:
        return [step]
    return [step, layer.each(f"{part}.bias", "add", (step.output, bias))]


def _reads_state(layer: _Layer, state: str) -> Access:
    return Access(state, (plain(_T), plain(_B), plain(_K)))


def _recurrent(
    site: Site, gates: int, cell: Callable[[_Layer], tuple[list[Einsum], dict[str, str]]]
) -> list[Einsum]:
    """Every direction of a layer, and its results as views of the states."""
    node = site.node
    data, weight, recurrent = site.source(0), site.source(1), site.source(2)
    directions, rows, _ = weight.shape
    width = recurrent.shape[2]
    layout = integer(node, "layout", 0)
    steps, batch = (data.shape[1], data.shape[0]) if layout else (data.shape[0], data.shape[1])
    way = text(node, "direction", "forward")
    expected = 2 if way == "bidirectional" else 1
    fits = rows == gates * width == recurrent.shape[1] and recurrent.shape[0] == directions
    if directions != expected or not fits or weight.shape[2] != data.shape[2]:
        raise GraphError(
            f"weights {weight.shape} and {recurrent.shape} are not those of {expected} directions "
            f"with {gates} gates over {data.shape[2]} features",
            node=node.name,
        )
    if site.output.tensor != site.used[0]:  # all results come with the first one that is used
        return []
    if any(site.optional(i) is not None for i in (5, 6)) and not _starts_empty(site):
        site.notes.append(f"{node.name}: the state it starts from is taken as zeros")
    made: list[Einsum] = []
    states: list[dict[str, str]] = []
    for direction in range(directions):
        is_reversed = way == "reverse" or direction == 1
        name = (
            node.name
            if directions == 1
            else f"{node.name}.{'backward' if direction else 'forward'}"
        )
        layer = _Layer(site, name, direction, is_reversed, steps, batch, width)
        einsums, named = cell(layer)
        made += einsums
        states.append(named)
    for output, key in zip(node.outputs, ("Y", "Y_h", "Y_c"), strict=False):
        if output in site.used:
            made += _result(site, output, key, states, way == "reverse")
    return made


def _starts_empty(site: Site) -> bool:
    return all(
        source is None or source.tensor in site.zeros
        for source in (site.optional(5), site.optional(6))
    )


def _result(
    site: Site, output: str, key: str, states: list[dict[str, str]], is_reversed: bool
) -> list[Einsum]:
    """A result of the node: all steps, or the last one, of every direction."""
    names = [named[key] for named in states]
    steps, batch, width = site.made[names[0]]
    steps -= 1
    layout = integer(site.node, "layout", 0)
    if len(names) == 1 and not (is_reversed and key == "Y"):
        state = View.of(names[0], (steps + 1, batch, width))
        cut = state.cut(0, 1, steps) if key == "Y" else state.cut(0, steps, 1)
        assert cut is not None  # a whole axis is cut
        view = cut.reshaped((steps, 1, batch, width) if key == "Y" else (1, batch, width))
        assert view is not None  # axes of extent 1
        if layout:
            view = view.permuted((2, 0, 1, 3) if key == "Y" else (1, 0, 2))
        site.views[output] = view
        return []
    ranks: tuple[Rank, ...] = (Rank("D", len(names)), Rank(_B, batch), Rank(_H, width))
    index: tuple[Affine, ...] = (plain("D"), plain(_B), plain(_H))
    reads = []
    for direction, name in enumerate(names):
        back = is_reversed or direction == 1
        time = Affine((), steps)
        if key == "Y":
            time = Affine(((_T, -1),), steps) if back else Affine(((_T, 1),), 1)
        far = (1 if direction else -1) * (steps + 1)  # out of reach for the other direction
        reach = Affine((*time.terms, ("D", far)), time.offset - far * direction)
        reads.append(Access(name, (reach, plain(_B), plain(_H))))
    if key == "Y":
        ranks, index = (Rank(_T, steps), *ranks), (plain(_T), *index)
    order: tuple[int, ...] = (0, 1, 2, 3)
    if key == "Y":
        order = (2, 0, 1, 3) if layout else order
    else:
        order = (1, 0, 2) if layout else (0, 1, 2)
    made = Operand(output, site.shapes[output]).at(*(index[i] for i in order))
    name = f"{site.node.name}.{key}"
    return [Einsum(name, ranks, made, tuple(reads), "copy", origin=site.node.name)]
