"""Workloads written by hand, one method call an operator."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.formats import Format, Int
from netwright.ir.einsums.blocks import attention, layer_norm
from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import extents_made
from netwright.workload.layout import settle
from netwright.workload.view import View
from netwright.workload.widths import guessed
from netwright.workload.workload import Tensor, TensorKind, Workload

Extents = int | tuple[int, ...]


class Builder:
    """Collects the Einsums of a network; every method adds one and returns its output's name.

    Tensors are channels first with a batch of 1: ``(1, channels, *extents)``. Convolutions of any
    number of axes are understood; one integer stands for all axes.

    Args:
        name: Name of the network.
        bits: Width of every element.

    Example:
        >>> b = Builder("tiny")
        >>> x = b.conv(b.input((1, 3, 8, 8)), 4, 3)
        >>> b.finish(b.linear(b.global_pool(x), 2)).einsums[-1].name
        'linear2'
    """

    def __init__(self, name: str, *, bits: int = 8) -> None:
        self._name = name
        self._bits = bits
        self._tensors: dict[str, Tensor] = {}
        self._einsums: list[Einsum] = []
        self._views: dict[str, View] = {}
        self._parts: dict[str, str] = {}

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self._views[tensor].shape if tensor in self._views else self._tensors[tensor].shape

    def input(self, shape: tuple[int, ...]) -> str:
        """A network input."""
        return self._tensor(f"input{len(self._tensors)}", shape, "input")

    def finish(self, *outputs: str) -> Workload:
        """The workload so far, unfused; what was appended to caches is an output, too."""
        outputs = (*outputs, *self._parts)
        shapes = {name: tensor.shape for name, tensor in self._tensors.items()}
        laid = settle(self._einsums, self._views, shapes, outputs)
        kinds = {name: tensor.kind for name, tensor in self._tensors.items()}
        used = dict.fromkeys(a.tensor for e in laid.einsums for a in (*e.inputs, e.output))
        format = Format(Int(self._bits))
        tensors = tuple(
            Tensor(name, laid.shapes[name], format, kinds.get(name, "activation"),
                   part_of=self._parts.get(name, "")) for name in used
        )  # fmt: skip
        taken = guessed(tuple(used), len(used), self._bits)
        return Workload(self._name, tensors, laid.einsums, laid.outputs, assumptions=taken)

    def conv(
        self,
        source: str,
        channels: int,
        kernel: Extents,
        *,
        stride: Extents = 1,
        padding: Extents | None = None,
        dilation: int = 1,
        groups: int = 1,
    ) -> str:
        """A convolution; padding keeps the extents (at stride 1) unless given."""
        batch, depth, *extents = self.shape(source)
        taps = _each(kernel, len(extents))
        steps = _each(stride, len(extents))
        same = tuple(dilation * (tap - 1) // 2 for tap in taps)
        pads = same if padding is None else _each(padding, len(extents))
        made = _windows(extents, taps, steps, pads, dilation)
        name = self._fresh("conv")
        weight = self._tensor(f"{name}.weight", (channels, depth // groups, *taps), "weight")
        ranks = [("N", batch), ("G", groups), ("M", channels // groups), ("C", depth // groups)]
        ranks += [(f"P{i}", extent) for i, extent in enumerate(made)]
        ranks += [(f"R{i}", tap) for i, tap in enumerate(taps)]
        filters = Affine((("G", channels // groups), ("M", 1)))
        rows = _sliding(steps, pads, dilation)
        reads = (_plain("N"), Affine((("G", depth // groups), ("C", 1))), *rows)
        kernels = (filters, _plain("C"), *(_plain(f"R{i}") for i in range(len(taps))))
        writes = (_plain("N"), filters, *(_plain(f"P{i}") for i in range(len(made))))
        inputs = (Access(source, reads), Access(weight, kernels))
        return self._add(
            name, ranks, (batch, channels, *made), writes, inputs, "multiply", reduce_op="add"
        )

    def pool(
        self,
        source: str,
        kernel: Extents,
        *,
        stride: Extents,
        padding: Extents = 0,
        ceil: bool = False,
        reduce_op: ReduceOp = "max",
    ) -> str:
        """Maximum over windows; ``reduce_op="add"`` for sums."""
        batch, depth, *extents = self.shape(source)
        taps, steps, pads = (_each(v, len(extents)) for v in (kernel, stride, padding))
        made = _windows(extents, taps, steps, pads, 1, ceil=ceil)
        ranks = [("N", batch), ("C", depth)]
        ranks += [(f"P{i}", extent) for i, extent in enumerate(made)]
        ranks += [(f"R{i}", tap) for i, tap in enumerate(taps)]
        reads = (_plain("N"), _plain("C"), *_sliding(steps, pads, 1))
        writes = (_plain("N"), _plain("C"), *(_plain(f"P{i}") for i in range(len(made))))
        name, inputs = self._fresh("pool"), (Access(source, reads),)
        shape = (batch, depth, *made)
        return self._add(name, ranks, shape, writes, inputs, "copy", reduce_op=reduce_op)

    def global_pool(self, source: str) -> str:
        """Average over all extents: ``(1, channels, 1, ...)``."""
        batch, depth, *extents = self.shape(source)
        ranks = [("N", batch), ("C", depth), *((f"R{i}", e) for i, e in enumerate(extents))]
        reads = (_plain("N"), _plain("C"), *(_plain(f"R{i}") for i in range(len(extents))))
        writes = (_plain("N"), _plain("C"), *(Affine(()) for _ in extents))
        shape = (batch, depth, *(1 for _ in extents))
        name = self._fresh("mean")
        inputs = (Access(source, reads),)
        return self._add(name, ranks, shape, writes, inputs, "copy", reduce_op="add")

    def linear(self, source: str, features: int, *, bias: bool = False) -> str:
        """A dense layer over the last axis, or over all of ``(1, channels, 1, ...)``."""
        shape = self.shape(source)
        pooled = all(extent == 1 for extent in shape[2:]) and len(shape) > 2
        axis = 1 if pooled else len(shape) - 1
        name = self._fresh("linear")
        weight = self._tensor(f"{name}.weight", (features, shape[axis]), "weight")
        ranks = [(f"B{i}", extent) for i, extent in enumerate(shape)]
        ranks.append(("M", features))
        reads = tuple(_plain(f"B{i}") for i in range(len(shape)))
        writes = tuple(_plain("M" if i == axis else f"B{i}") for i in range(len(shape)))
        made = tuple(features if i == axis else extent for i, extent in enumerate(shape))
        inputs = (Access(source, reads), Access(weight, (_plain("M"), _plain(f"B{axis}"))))
        result = self._add(name, ranks, made, writes, inputs, "multiply", reduce_op="add")
        if not bias:
            return result
        sizes = tuple(features if i == axis else 1 for i in range(len(shape)))
        return self.add(result, self._tensor(f"{name}.bias", sizes, "weight"))

    def norm(self, source: str) -> str:
        """A normalization with folded statistics: a factor and a term for each channel."""
        return self._pointwise("norm", (source,), "copy", unary=("rescale",))

    def activate(self, source: str, function: UnaryOp = "relu") -> str:
        """An activation function."""
        return self._pointwise("act", (source,), "copy", unary=(function,))

    def gate(self, source: str) -> str:
        """A sigmoid whose result scales something else."""
        return self._pointwise("gate", (source,), "copy", unary=("sigmoid",))

    def add(self, *sources: str) -> str:
        """The sum of equal shapes."""
        return self._pointwise("add", sources, "add")

    def scale(self, source: str, factors: str) -> str:
        """`source` times one factor a channel."""
        return self._pointwise("scale", (source, factors), "multiply")

    def concat(self, *sources: str, axis: int = 1) -> str:
        """A copy of all `sources`, one after the other along `axis`."""
        first = self.shape(sources[0])
        total = sum(self.shape(source)[axis] for source in sources)
        shape = tuple(total if i == axis else extent for i, extent in enumerate(first))
        return self._opaque("concat", sources, shape, "copy")

    def layer_norm(self, source: str, *, trained: bool = False) -> str:
        """A normalization over the last axis, as a cascade; with trained factors and terms."""
        ranks = self._ranks(source)
        index = tuple(_plain(rank.name) for rank in ranks)
        name = self._fresh("norm")
        made = Access(f"{name}.out", index)
        scale, bias = (
            Access(self._tensor(f"{name}.{part}", (ranks[-1].extent,), "weight"), index[-1:])
            if trained
            else None
            for part in ("scale", "bias")
        )
        steps = layer_norm(
            name, Access(source, index), made, ranks, [ranks[-1].name], scale=scale, bias=bias
        )
        return self._cascade(steps, self.shape(source))

    def append(self, cache: str, rows: str) -> str:
        """Write rows into a cache, whose shape counts them already; what is written is an output.

        Args:
            cache: An input, longer than the rows along one axis.
            rows: What is new.
        """
        written = self._pointwise("append", (rows,), "copy")
        self._parts[written] = cache
        return cache

    def attention(
        self,
        source: str,
        heads: int,
        *,
        key_heads: int | None = None,
        context: str = "",
        cached: int = 0,
        bias: bool = False,
        scaled: bool = False,
    ) -> str:
        """An attention block, ``(1, tokens, features)`` to the same shape, as a cascade.

        Args:
            source: What asks.
            heads: Number of heads.
            key_heads: Number of heads of keys and values, which those of queries share.
            context: What is attended to; the source itself if not given.
            cached: Tokens of a cache to which keys and values are appended, the new ones included;
                no cache if not given.
            bias: Whether the dense layers have terms.
            scaled: Whether scores are multiplied by a factor; else the queries contain it.
        """
        batch, tokens, features = self.shape(source)
        own, width = key_heads or heads, features // heads
        queries = self.linear(source, features, bias=bias)
        keys, values = (self.linear(context or source, own * width, bias=bias) for _ in range(2))
        if cached:
            keys, values = (
                self.append(self.input((batch, cached, own * width)), rows)
                for rows in (keys, values)
            )
        columns = self.shape(keys)[1]
        extents = {"B": batch, "H": own, "G": heads // own, "P": tokens, "M": columns}
        extents |= {"E": width, "F": width}

        def at(token: str, inner: str, groups: int = 1) -> tuple[Affine, ...]:
            head = [("H", groups * width), ("G", width)] if groups else [("H", width)]
            return _plain("B"), _plain(token), Affine((*head, (inner, 1)))

        name = self._fresh("attention")
        steps = attention(
            name,
            Access(queries, at("P", "E", heads // own)),
            Access(keys, at("M", "E", 0)),
            Access(values, at("M", "F", 0)),
            Access(f"{name}.out", at("P", "F", heads // own)),
            [Rank(rank, extent) for rank, extent in extents.items()],
            scale=width**-0.5 if scaled else None,
        )
        return self.linear(self._cascade(steps, (batch, tokens, features)), features, bias=bias)

    def _ranks(self, source: str) -> list[Rank]:
        return [Rank(f"B{i}", extent) for i, extent in enumerate(self.shape(source))]

    def _cascade(self, steps: Sequence[Einsum], shape: tuple[int, ...]) -> str:
        """Several Einsums, of which the last one makes a tensor of this shape."""
        for step in steps[:-1]:
            self._tensor(step.output.tensor, extents_made(step), "activation")
        self._einsums += steps
        return self._tensor(steps[-1].output.tensor, shape, "activation")

    def resize(self, source: str, extents: tuple[int, ...]) -> str:
        """An interpolation to other extents."""
        shape = (*self.shape(source)[:2], *extents)
        return self._opaque("resize", (source,), shape, "interpolate")

    def reshape(self, source: str, shape: tuple[int, ...]) -> str:
        """The same elements in the same order under another shape: no Einsum, no bytes."""
        view = self._seen(source).reshaped(shape)
        return (
            self._opaque("reshape", (source,), shape, "copy") if view is None else self._show(view)
        )

    def transpose(self, source: str, order: tuple[int, ...]) -> str:
        """The axes in another order, which the reader absorbs: no Einsum, no bytes."""
        return self._show(self._seen(source).permuted(order))

    def _seen(self, name: str) -> View:
        return self._views.get(name) or View.of(name, self._tensors[name].shape)

    def _show(self, view: View) -> str:
        name = f"{view.base}.view{len(self._views)}"
        self._views[name] = view
        return name

    def select(self, source: str, shape: tuple[int, ...]) -> str:
        """A copy of a part of `source`."""
        return self._opaque("select", (source,), shape, "copy")

    def _pointwise(
        self,
        stem: str,
        sources: Sequence[str],
        map_op: MapOp,
        *,
        unary: tuple[UnaryOp, ...] = (),
    ) -> str:
        shape = self.shape(sources[0])
        ranks = [(f"B{i}", extent) for i, extent in enumerate(shape)]
        inputs = tuple(
            Access(source, tuple(
                _plain(f"B{i}") if size > 1 else Affine(())
                for i, size in enumerate(self.shape(source))
            ))
            for source in sources
        )  # fmt: skip
        writes = tuple(_plain(f"B{i}") for i in range(len(shape)))
        return self._add(self._fresh(stem), ranks, shape, writes, inputs, map_op, unary=unary)

    def _opaque(
        self, stem: str, sources: Sequence[str], shape: tuple[int, ...], map_op: MapOp
    ) -> str:
        """An operator that is not affine in one iteration space: it reads its inputs whole."""
        ranks = [(f"B{i}", extent) for i, extent in enumerate(shape)]
        inputs = tuple(
            Access(source, tuple(Affine(()) for _ in self.shape(source))) for source in sources
        )
        writes = tuple(_plain(f"B{i}") for i in range(len(shape)))
        return self._add(self._fresh(stem), ranks, shape, writes, inputs, map_op)

    def _add(
        self,
        name: str,
        ranks: Sequence[tuple[str, int]],
        shape: tuple[int, ...],
        writes: tuple[Affine, ...],
        inputs: tuple[Access, ...],
        map_op: MapOp,
        *,
        unary: tuple[UnaryOp, ...] = (),
        reduce_op: ReduceOp = "none",
    ) -> str:
        output = self._tensor(f"{name}.out", shape, "activation")
        bound = tuple(Rank(rank, extent) for rank, extent in ranks)
        made = Access(output, writes)
        self._einsums.append(
            Einsum(name, bound, made, inputs, map_op, unary, reduce_op, origin=name)
        )
        return output

    def _tensor(self, name: str, shape: tuple[int, ...], kind: TensorKind) -> str:
        self._tensors[name] = Tensor(name, shape, Format(Int(self._bits)), kind)
        return name

    def _fresh(self, stem: str) -> str:
        return f"{stem}{len(self._einsums)}"


def _plain(rank: str) -> Affine:
    return Affine(((rank, 1),))


def _each(value: Extents, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else value


def _sliding(steps: tuple[int, ...], pads: tuple[int, ...], dilation: int) -> tuple[Affine, ...]:
    pairs = enumerate(zip(steps, pads, strict=True))
    return tuple(Affine(((f"P{i}", step), (f"R{i}", dilation)), -pad) for i, (step, pad) in pairs)


def _windows(
    extents: Sequence[int],
    taps: tuple[int, ...],
    steps: tuple[int, ...],
    pads: tuple[int, ...],
    dilation: int,
    *,
    ceil: bool = False,
) -> tuple[int, ...]:
    made = []
    for extent, tap, step, pad in zip(extents, taps, steps, pads, strict=True):
        room = extent + 2 * pad - dilation * (tap - 1) - 1
        made.append((-(-room // step) if ceil else room // step) + 1)
    return tuple(made)
