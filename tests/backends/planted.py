"""Faults planted in generated files, one at a time, and what notices them.

A fault is noticed if the design cannot be built or run, if a proof fails, or if a stimulus gives
another integer. Networks have so few input codes that all of them can be tried: a fault that
nothing notices must be equivalent on every input there is, with many weights where those are loaded
through a port. Digests play no part: a design is built
from the files as they are.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netwright.backends.hls import HlsDesign
from netwright.backends.rtl import RtlDesign, StreamDesign
from netwright.errors import NetwrightError
from netwright.ir import Graph, interpret
from netwright.verify import Stimulus, corners, random, ties

Design = HlsDesign | RtlDesign
Outcome = Literal["proof", "stimuli", "refused", "equivalent", "MISSED"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One place of one file with another text."""

    file: str
    start: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file} at {self.start}: {self.old!r} -> {self.new!r}"


Rule = tuple[str, str, Callable[[str], Sequence[str]]]
"""Files (a pattern of names), places in them (a pattern with one group), what to write instead."""


def _numbers_beside(text: str) -> list[str]:
    return [str(int(text) + 1), str(int(text) - 1)] if int(text) else ["1"]


def _other_weight(text: str) -> list[str]:
    decimals = len(text.partition(".")[2])
    value = float(text) + 2.0**-decimals if "." in text else int(text) + 1
    return [f"{value:.{decimals}f}"]


def _other_bits(text: str) -> list[str]:
    """The lowest and the highest bit of a number in base 16 inverted."""
    value, bits = int(text, 16), 4 * len(text)
    return [f"{value ^ 1 << place:0{len(text)}x}" for place in (0, bits // 2)]


HLS_RULES: tuple[Rule, ...] = (
    (r"firmware/weights/.*\.h", r"[{ ](-?\d+(?:\.\d+)?)[,}]", _other_weight),
    (r"firmware/defines\.h", r"ap_u?(?:fixed|int)<(\d+)", _numbers_beside),
    (r"firmware/defines\.h", r"ap_u?fixed<\d+,(-?\d+)", _numbers_beside),
    (r"firmware/defines\.h", r"(AP_SAT)", lambda _: ["AP_WRAP"]),
    (r"firmware/defines\.h", r"(AP_RND_CONV)", lambda _: ["AP_TRN", "AP_RND"]),
    (r"firmware/defines\.h", r"\b(ap_(?:u?)fixed)<", lambda t: [_other_sign(t)]),
    (r"firmware/parameters\.h", r"static const unsigned n_\w+ = (\d+);", _numbers_beside),
    (r"firmware/\w+\.cpp", r"\b([wbst]\d+)[,)]", lambda t: [f"{t[0]}{6 - int(t[1:])}"]),
)
"""Faults in C++: weights, formats, sizes, and arrays that are passed on."""

RTL_RULES: tuple[Rule, ...] = (
    (r"\w+\.v", r"\.[A-Z]\w*\((-?\d+)\)", _numbers_beside),
    (r"\w+\.v", r"\.[A-Z]\w*\(-?64'sd(\d+)\)", _numbers_beside),
    (r"\w+\.v", r"\d+'h([0-9a-f]+)\b", _other_bits),
    (r"\w+\.v", r"wire \[(\d+):0\]", _numbers_beside),
    (r"\w+\.v", r"\[(\d+)\+:", _numbers_beside),
    (r"\w+\.v", r"\.[a-z]\w*\((\w+)_0\)", lambda text: [f"{text}_1"]),
)
"""Faults in Verilog: parameters, constants, tables and memories, widths, slices, connections."""


def _other_sign(text: str) -> str:
    return "ap_fixed" if text == "ap_ufixed" else "ap_ufixed"


def faults(design: Design, rules: Sequence[Rule]) -> Iterator[Fault]:
    """Every fault of the rules, file by file."""
    for file in sorted(design.files):
        for files, place, others in rules:
            if not re.fullmatch(files, file):
                continue
            text = (design.root / file).read_text()
            for match in re.finditer(place, text):
                for new in others(match[1]):
                    if new != match[1]:
                        yield Fault(file, match.start(1), match[1], new)


def planted(design: Design) -> list[Fault]:
    """Every fault that the rules of the design's language make."""
    return list(faults(design, HLS_RULES if isinstance(design, HlsDesign) else RTL_RULES))


def everything(graph: Graph) -> Stimulus:
    """A row for every combination of input codes."""
    node = next(node for node in graph.nodes if node.op == "Quantize")
    shape = graph.types[node.output].shape[1:]
    codes = range(node.integer("low"), node.integer("high") + 1)
    rows = np.array(list(itertools.product(codes, repeat=int(np.prod(shape)))), dtype=np.float64)
    return Stimulus("everything", rows.reshape(-1, *shape) * node.reals("scale")[0])


def usual(graph: Graph) -> tuple[Stimulus, ...]:
    """What ``netwright convert`` checks a design on, with 1000 random rows."""
    return corners(graph), ties(graph), random(graph, rows=1000)


def outcome(design: Design, fault: Fault) -> Outcome:
    """Plant a fault, see what notices it, and take it out again."""
    path = design.root / fault.file
    text = path.read_text()
    end = fault.start + len(fault.old)
    assert text[fault.start : end] == fault.old
    path.write_text(text[: fault.start] + fault.new + text[end:])
    try:
        if isinstance(design, RtlDesign) and not _is_proven(design):
            return "proof"
        return _executed(design)
    finally:
        path.write_text(text)


def _is_proven(design: RtlDesign) -> bool:
    try:
        proves_products = design.num_products and not design.is_loadable
        proofs = [proof.holds for proof in design.prove()] if proves_products else []
        if design.proves_elements and all(proofs):
            proofs += [proof.holds for proof in design.prove_elements()]
    except NetwrightError:
        return False
    return all(proofs)


def _executed(design: Design) -> Outcome:
    """What executing says; in a process of its own, since a fault may crash it."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=_compare, args=(design, answers))
    process.start()
    process.join(600)
    if process.is_alive():
        process.kill()
        process.join()
        return "refused"
    if process.exitcode != 0:
        return "refused"
    answer: Outcome = answers.get()
    return answer


def _compare(design: Design, answers: multiprocessing.SimpleQueue[Outcome]) -> None:
    try:
        for loaded in (design, *_reloads(design, 12)):
            for stimulus in usual(loaded.graph):
                if len(stimulus.inputs) and not _same(loaded, stimulus):
                    answers.put("stimuli")
                    return
        others = (design, *_reloads(design, 64, seed=1))
        same = all(_same(loaded, everything(loaded.graph)) for loaded in others)
        answers.put("equivalent" if same else "MISSED")
    except NetwrightError:
        answers.put("refused")


def _reloads(design: Design, count: int, seed: int = 0) -> tuple[Design, ...]:
    """The design with other weights, if its weights can be loaded."""
    if not isinstance(design, StreamDesign) or design.options.weights != "loadable":
        return ()
    found = design.reloads(count=count, seed=seed)
    assert len(found) == count
    return found


def _same(design: Design, stimulus: Stimulus) -> bool:
    graph = design.graph
    expected, got = interpret(graph, stimulus.inputs), design.run(stimulus.inputs)
    return all(np.array_equal(got[name], expected[name]) for name in graph.outputs)


def plant(
    design: Design, planted: Sequence[Fault], told: Callable[[str], object] = lambda _: None
) -> Counter[Outcome]:
    """The outcomes of faults, counted."""
    if isinstance(design, RtlDesign):
        assert _is_proven(design), "without a fault, every proof must hold"
    found: Counter[Outcome] = Counter()
    for number, fault in enumerate(planted, start=1):
        result = outcome(design, fault)
        found[result] += 1
        told(f"{number} of {len(planted)}: {result}: {fault}")
    return found
