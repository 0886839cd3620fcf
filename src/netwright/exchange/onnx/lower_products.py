"""Sums of products: convolutions, matrix products and Einsums of ONNX files."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer, text
from netwright.exchange.onnx.lower_site import Lower, Site
from netwright.exchange.onnx.lower_windows import windows_of
from netwright.ir.einsums.einsum import Affine, Einsum, MapOp, Rank
from netwright.ir.einsums.lower import (
    Operand,
    convolution,
    opaque,
    plain,
    product,
    transposed_convolution,
)


def convolve(places: Sequence[int] = (0, 1, 2)) -> Lower:
    """A convolution.

    Args:
        places: Of the data, the weights and the bias among the inputs.
    """

    def lower(site: Site) -> list[Einsum]:
        source, weight = site.source(places[0]), site.source(places[1])
        windows = windows_of(site, weight.shape[2:], source)
        groups = integer(site.node, "group", 1)
        filters, depth = weight.shape[0], weight.shape[1]
        if groups < 1 or depth * groups != source.shape[1] or filters % groups:
            raise GraphError(
                f"weights {weight.shape} in {groups} groups do not fit {source.shape[1]} channels",
                node=site.node.name,
            )
        bias = site.optional(places[2]) if len(places) > 2 else None
        made = site.output
        return convolution(site.name, source, weight, made, windows, groups=groups, bias=bias)

    return lower


def spread(site: Site) -> list[Einsum]:
    """A transposed convolution."""
    source, weight = site.source(0), site.source(1)
    groups = integer(site.node, "group", 1)
    inputs, _, *taps = weight.shape
    if groups < 1 or inputs % groups or inputs != source.shape[1]:
        raise GraphError(
            f"weights {weight.shape} in {groups} groups do not fit {source.shape[1]} channels",
            node=site.node.name,
        )
    windows = windows_of(site, tuple(taps), source, transposed=True)
    bias = site.optional(2)
    if bias is not None:
        site.made[f"{site.name}.out"] = site.output.shape
    return transposed_convolution(
        site.name, source, weight, site.output, windows, groups=groups, bias=bias
    )


def gemm(site: Site) -> list[Einsum]:
    """A product of two matrices, perhaps transposed, plus a bias."""
    flips = (bool(flag(site.node, "transA", 0)), bool(flag(site.node, "transB", 0)))
    left, right = site.source(0), site.source(1)
    _check_depth(site, left.shape[-2 if flips[0] else -1], right.shape[-1 if flips[1] else -2])
    return product(site.name, left, right, site.output, flips=flips, bias=site.optional(2))


def multiply(places: tuple[int, int] = (0, 1)) -> Lower:
    """A product of two stacks of matrices, or of vectors.

    Args:
        places: Of the two sides among the inputs.
    """

    def lower(site: Site) -> list[Einsum]:
        left, right = site.source(places[0]), site.source(places[1])
        _check_depth(site, left.shape[-1], right.shape[-2 if len(right.shape) > 1 else -1])
        if len(left.shape) == len(right.shape) == 1:
            made = site.output.whole()
            reads = (left.at(plain("K")), right.at(plain("K")))
            ranks = (Rank("K", left.shape[0]),)
            return [Einsum(site.name, ranks, made, reads, "multiply", (), "add", origin=site.name)]
        return product(site.name, left, right, site.output)

    return lower


def _check_depth(site: Site, left: int, right: int) -> None:
    if left != right:
        raise GraphError(f"{left} columns meet {right} rows", node=site.node.name)


def equation(site: Site) -> list[Einsum]:
    """ONNX's own Einsum, whose equation says everything; pairs are multiplied from the left on."""
    parts, right = _letters(site)
    if parts is None:
        return [opaque(site.name, site.given, site.output)]
    extents: dict[str, int] = {}
    for part, source in zip(parts, site.given, strict=True):
        for letter, extent in zip(part, source.shape, strict=True):
            extents[letter] = max(extent, extents.get(letter, 1))
    einsums: list[Einsum] = []
    held, own = site.given[0], parts[0]
    for place in range(1, len(parts)):
        later = {letter for part in (*parts[place + 1 :], right) for letter in part}
        is_last = place == len(parts) - 1
        kept = right if is_last else "".join(
            letter for letter in dict.fromkeys(own + parts[place]) if letter in later
        )  # fmt: skip
        shape = tuple(extents[letter] for letter in kept)
        made = site.output if is_last else site.inner(f"part{place}", shape or (1,))
        pair = [(held, own), (site.given[place], parts[place])]
        einsums.append(
            _contracted(site.name if is_last else made.tensor, pair, made, kept, extents)
        )
        held, own = made, kept
    return einsums or [_contracted(site.name, [(held, own)], site.output, right, extents)]


def _contracted(
    name: str,
    sides: list[tuple[Operand, str]],
    output: Operand,
    kept: str,
    extents: dict[str, int],
) -> Einsum:
    letters = dict.fromkeys("".join(own for _, own in sides))
    ranks = tuple(Rank(letter, extents[letter]) for letter in letters)
    reads = tuple(
        side.at(*(
            plain(letter) if extent == extents[letter] else Affine(())
            for letter, extent in zip(own, side.shape, strict=True)
        ))
        for side, own in sides
    )  # fmt: skip
    made = output.at(*map(plain, kept)) if kept else output.whole()
    map_op: MapOp = "multiply" if len(sides) > 1 else "copy"
    reduces = len(sides) > 1 or len(letters) > len(set(kept))
    return Einsum(name, ranks, made, reads, map_op, (), "add" if reduces else "none", origin=name)


def _letters(site: Site) -> tuple[list[str] | None, str]:
    """The letters of each operand and of the result; ``None`` if the equation does not fit."""
    words = text(site.node, "equation", "").replace(" ", "")
    left, arrow, right = words.partition("->")
    parts = left.split(",")
    if len(parts) != len(site.given):
        return None, ""
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in words]
    known = [len(part.replace("...", "")) for part in parts]
    most = max(
        (len(s.shape) - n for s, n, p in zip(site.given, known, parts, strict=True) if "..." in p),
        default=0,
    )
    for place, (part, source) in enumerate(zip(parts, site.given, strict=True)):
        room = max(len(source.shape) - known[place], 0)
        parts[place] = part.replace("...", "".join(spare[most - room : most]))
    joined = "".join(parts)
    if not arrow:
        right = ("..." if "..." in left else "") + "".join(
            sorted(letter for letter in set(joined) - set(spare) if joined.count(letter) == 1)
        )
    right = right.replace("...", "".join(spare[:most]))
    fits = all(len(p) == len(s.shape) for p, s in zip(parts, site.given, strict=True))
    plain_text = (joined + right).isalpha() and set(right) <= set(joined)
    is_scalar = not right and site.output.shape == (1,)
    if not fits or not (plain_text or is_scalar):
        return None, ""
    return (parts, right) if is_scalar or len(right) == len(site.output.shape) else (None, "")
