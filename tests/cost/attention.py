"""Attention as cascades of one pass and of three, and published ways to run them on two arrays."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.formats import Float, Format
from netwright.mapping import Group, Keep, Loop, Mapping, Phase
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload

HALF = Format(Float(16))
SQUARE, ROW = "square_elements", "row_elements"
NEXT = Affine((("m1", 1),), 1)


class Sizes:
    """Batch, heads, width of a head, keys, queries, and keys of a tile."""

    def __init__(
        self, batch: int, heads: int, width: int, keys: int, queries: int, tile: int = 256
    ) -> None:
        self.extents = {
            "b": batch, "h": heads, "e": width, "f": width, "m": keys, "p": queries,
            "m1": -(-keys // tile), "m0": tile,
        }  # fmt: skip
        self.queries = queries
        self.tile = tile


class _Writer:
    def __init__(self, sizes: Sizes) -> None:
        self.extents = {rank: n for rank, n in sizes.extents.items()}
        self.tensors: list[Tensor] = []
        self.einsums: list[Einsum] = []

    def tensor(self, name: str, ranks: str, *, initial: float | None = None) -> None:
        """A tensor over batch, heads and some ranks; with an initial value one point more."""
        shape = [self.extents[r] for r in ("b", "h", *ranks.split())]
        if initial is not None:
            shape[2] += 1
        kind = "input" if name in ("Q", "K", "V") else "activation"
        self.tensors.append(Tensor(name, tuple(shape), HALF, kind, initial))

    def einsum(
        self,
        output: Access,
        inputs: Sequence[Access],
        map_op: str,
        unary: tuple[str, ...] = (),
        reduce_op: str = "none",
        iterative: tuple[str, ...] = (),
    ) -> None:
        walked = [rank for a in (output, *inputs) for axis in a.index for rank, _ in axis.terms]
        ranks = tuple(Rank(rank, self.extents[rank]) for rank in dict.fromkeys(walked))
        self.einsums.append(
            Einsum(
                output.tensor, ranks, output, tuple(inputs), map_op, unary, reduce_op, iterative
            )
        )  # fmt: skip

    def workload(self, name: str) -> Workload:
        return Workload(name, tuple(self.tensors), tuple(self.einsums), ("AV",))


def at(tensor: str, *index: str | Affine) -> Access:
    """An access over batch, heads and some ranks."""
    axes = ("b", "h", *index)
    return Access(tensor, tuple(a if isinstance(a, Affine) else Affine(((a, 1),)) for a in axes))


def three_pass(sizes: Sizes) -> Workload:
    """The stable softmax: the largest logit, then the sum, then the quotients."""
    new = _Writer(sizes)
    for name, ranks in (
        ("Q", "e p"), ("K", "e m"), ("V", "f m"), ("QK", "m p"), ("GM", "p"), ("SN", "m p"),
        ("SD", "p"), ("A", "m p"), ("AV", "f p"),
    ):  # fmt: skip
        new.tensor(name, ranks)
    new.einsum(at("QK", "m", "p"), [at("Q", "e", "p"), at("K", "e", "m")], "multiply", (), "add")
    new.einsum(at("GM", "p"), [at("QK", "m", "p")], "copy", (), "max")
    new.einsum(at("SN", "m", "p"), [at("QK", "m", "p"), at("GM", "p")], "subtract", ("exp",))
    new.einsum(at("SD", "p"), [at("SN", "m", "p")], "copy", (), "add")
    new.einsum(at("A", "m", "p"), [at("SN", "m", "p"), at("SD", "p")], "divide")
    new.einsum(at("AV", "f", "p"), [at("A", "m", "p"), at("V", "f", "m")], "multiply", (), "add")
    return new.workload("three passes")


def one_pass(sizes: Sizes) -> Workload:
    """Running maximum and sum over tiles of keys, corrected when the maximum grows."""
    new = _Writer(sizes)
    for name, ranks in (
        ("Q", "e p"), ("K", "e m"), ("V", "f m"), ("QK", "m1 m0 p"), ("LM", "m1 p"),
        ("SLN", "m1 m0 p"), ("SLD", "m1 p"), ("SLNV", "m1 f p"), ("PRM", "m1 p"), ("SPD", "m1 p"),
        ("SPNV", "m1 f p"), ("AV", "f p"),
    ):  # fmt: skip
        new.tensor(name, ranks)
    new.tensor("RM", "m1 p", initial=float("-inf"))
    new.tensor("RD", "m1 p", initial=0.0)
    new.tensor("RNV", "m1 f p", initial=0.0)
    keys = Affine((("m1", sizes.tile), ("m0", 1)))
    scores, sums = at("QK", "m1", "m0", "p"), at("SLN", "m1", "m0", "p")
    before, after = at("RM", "m1", "p"), at("RM", NEXT, "p")
    new.einsum(scores, [at("Q", "e", "p"), at("K", "e", keys)], "multiply", (), "add")
    new.einsum(at("LM", "m1", "p"), [scores], "copy", (), "max")
    new.einsum(after, [before, at("LM", "m1", "p")], "max", iterative=("m1",))
    new.einsum(sums, [scores, after], "subtract", ("exp",))
    new.einsum(at("SLD", "m1", "p"), [sums], "copy", (), "add")
    new.einsum(at("SLNV", "m1", "f", "p"), [sums, at("V", "f", keys)], "multiply", (), "add")
    new.einsum(at("PRM", "m1", "p"), [before, after], "subtract", ("exp",))
    new.einsum(at("SPD", "m1", "p"), [at("RD", "m1", "p"), at("PRM", "m1", "p")], "multiply")
    parts = [at("SLD", "m1", "p"), at("SPD", "m1", "p")]
    new.einsum(at("RD", NEXT, "p"), parts, "add", iterative=("m1",))
    parts = [at("RNV", "m1", "f", "p"), at("PRM", "m1", "p")]
    new.einsum(at("SPNV", "m1", "f", "p"), parts, "multiply")
    parts = [at("SPNV", "m1", "f", "p"), at("SLNV", "m1", "f", "p")]
    new.einsum(at("RNV", NEXT, "f", "p"), parts, "add", iterative=("m1",))
    last = Affine((), sizes.extents["m1"])
    new.einsum(at("AV", "f", "p"), [at("RNV", last, "f", "p"), at("RD", last, "p")], "divide")
    return new.workload("one pass")


PHASES = {
    "binding": (
        ("QK LM", "RD RNV AV"), ("", "RM"), ("SLN SLD", "PRM SPD"), ("SLNV", "SPNV"),
    ),
    "architecture": (
        ("QK LM", "RD AV"), ("", "RM"), ("SLN SLD", "PRM SPD"), ("SLNV", "SPNV RNV"),
    ),
    "cascade": (("QK SLNV", "LM RM SLN SLD PRM SPD RD SPNV RNV AV"),),
    "flat": (("QK AV", "GM SN SD A"),),
}  # fmt: skip
"""What the square array and the row do in each phase."""

LAGS = {
    "binding": ("QK LM", "RM SLN SLD PRM SPD SLNV SPNV", "", "RD RNV AV"),
    "architecture": ("QK LM RM SLN SLD PRM SPD SLNV SPNV RNV", "RD AV"),
    "cascade": ("QK", "LM RM SLN SLD PRM SPD", "SLNV SPNV RD RNV AV"),
    "flat": ("QK", "GM SN SD A", "AV"),
}
"""What runs no, one, two and three tiles behind."""


def mapped(configuration: str, workload: Workload, sizes: Sizes, tiles: int = 1) -> Mapping:
    """A published way to run attention on a square array and a row of elements.

    Args:
        configuration: A key of `PHASES`.
        workload: Of one pass; of three for ``"flat"``.
        sizes: Those of the workload.
        tiles: Tiles of 256 queries that share one walk over the keys.
    """
    order = tuple(einsum.name for einsum in workload.einsums)
    phases = tuple(
        Phase({unit: tuple(names.split()) for unit, names in zip((SQUARE, ROW), both, strict=True)})
        for both in PHASES[configuration]
    )
    lags = {
        name: lag for lag, names in enumerate(LAGS[configuration]) for name in names.split() if lag
    }
    if configuration == "flat":
        keys = -(-sizes.extents["m"] // 256)
        loops = (
            Loop("b", 1), Loop("h", 1), Loop("p", 256), Loop("p", 1, "square", 0),
            Loop("m", keys, "square", 1), Loop("m", keys, "row", 0),
        )  # fmt: skip
        kept = {3: "Q QK GM SN SD A"}
    else:
        piece = -(-sizes.tile // 256)
        loops = (
            Loop("b", 1), Loop("h", 1), Loop("p", 256 * tiles), Loop("m1", 1), Loop("p", 256),
            Loop("p", 1, "square", 0), Loop("m0", piece, "square", 1), Loop("p", 1, "row", 0),
        )  # fmt: skip
        kept = {3: "Q RM RD RNV", 4: "K V", 5: "SLNV SPNV"}
        if configuration == "cascade":
            kept[5] += " QK SLN"
    keeps = [Keep("buffer", name, place) for place, names in kept.items() for name in names.split()]
    if configuration != "flat":
        keeps += [Keep("row_registers", name, 5) for name in ("LM", "SLD", "PRM", "SPD")]
    if configuration in ("binding", "architecture"):
        keeps += [Keep("square_registers", name, 5) for name in ("QK", "SLN")]
    group = Group("attention", order, loops, phases, tuple(keeps), lags)
    bindings = {
        name: unit for phase in phases for unit, names in phase.steps.items() for name in names
    }
    return Mapping("unfused", order, bindings=bindings, groups=(group,))
