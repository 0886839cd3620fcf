"""What the firmware writes into a shared accelerator once, and where its inputs and outputs lie."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.backends.rtl.shared.descriptors import FEATURES_AT, Image, image
from netwright.backends.rtl.shared.plan import Plan
from netwright.backends.soc.structure import Structure


def image_bytes(plan: Plan) -> int:
    """Bytes that the image takes among the constants of a program."""
    words = image(plan)
    return 4 * len(words) + 8 * len(list(pieces(words)))


def pieces(words: Image) -> Iterator[tuple[int, int]]:
    """First address and number of words of every run of neighboring addresses.

    >>> list(pieces(((0, 5), (4, 6), (16, 7))))
    [(0, 2), (16, 1)]
    """
    start, count = 0, 0
    for address, _ in words:
        if count and address != start + 4 * count:
            yield start, count
            count = 0
        if not count:
            start = address
        count += 1
    if count:
        yield start, count


def image_text(plan: Plan, chip: Structure) -> str:
    """The header of the firmware with the image of an accelerator."""
    return "\n".join(_image(plan, chip)) + "\n"


def _image(plan: Plan, chip: Structure) -> Iterator[str]:
    words = image(plan)
    runs = list(pieces(words))
    yield "/* What is written into the accelerator once, and where its inputs and outputs lie. */"
    yield "#ifndef IMAGE_H"
    yield "#define IMAGE_H"
    yield ""
    yield f"#define ACCELERATOR_FEATURES 0x{FEATURES_AT:06x}u"
    yield f"#define ACCELERATOR_PIECES {len(runs)}u"
    yield ""
    yield "static const struct {"
    yield "  uint32_t offset, words;"
    yield "} accelerator_pieces[] = {"
    yield from (f"    {{0x{start:06x}, {count}}}," for start, count in runs)
    yield "};"
    yield f"static const uint32_t accelerator_words[{len(words)}] = {{"
    texts = [f"0x{word:08x}" for _, word in words]
    for start in range(0, len(texts), 8):
        yield f"    {', '.join(texts[start : start + 8])},"
    yield "};"
    yield ""
    yield "/* In 16-bit words of the feature memory. */"
    yield "static const struct {"
    yield "  uint16_t place, elements;"
    yield "} accelerator_inputs[] = {"
    for source in chip.inputs:
        view = plan.views[source.terminal.tensor]
        yield f"    {{{plan.places[view.tensor]}, {source.elements}}},"
    yield "};"
    yield "static const struct accelerator_output {"
    yield "  uint16_t place, stride, pieces;"
    yield "} accelerator_outputs[] = {"
    for output in chip.outputs:
        view = plan.views[output.terminal.tensor]
        stride = plan.plane_words(view.tensor)
        yield f"    {{{plan.places[view.tensor]}, {stride}, {view.pieces}}},"
    yield "};"
    yield ""
    yield "#endif"
