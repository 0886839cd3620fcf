"""Formal proof of everything between two products: rounding, limits, signs, wraps, sums.

Every element that a layer hands on is cut out of the emitted text, back to the products and the
inputs it is made from; registers become wires. A SAT solver then looks for an input for which it
differs from its specification, over all inputs at once. What was proven is not proven again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from netwright.backends.rtl.adders.adder_graph import Interval
from netwright.backends.rtl.cells.circuit import Element, Layer, Wire
from netwright.backends.rtl.cells.harmless import plain_sources
from netwright.backends.rtl.implement.synthesis import RUNNER
from netwright.backends.rtl.proof.adder_proof import CounterExample
from netwright.backends.rtl.proof.cone import Cone, Netlist
from netwright.backends.rtl.proof.layer_specification import LayerSpecification, claim_wire
from netwright.backends.rtl.proof.specification import Specification
from netwright.backends.tools import YOSYS, run_tool
from netwright.backends.vouching import is_vouched, vouch
from netwright.errors import BackendError, MissingExtra
from netwright.escape import yosys_word
from netwright.files import workspace, write_text, writing
from netwright.ir import Graph
from netwright.progress import Progress, silent

Verdict = Literal["proven", "refuted", "undecided"]

BATCH = 64
"""Elements that one process of the solver gets."""

SOLVER_TIMEOUT_S = 60
"""Time the solver gets for one element."""

PROVEN = "SAT proof finished - no model found: SUCCESS"
POSSIBLE = "SAT solving finished - model found"
REFUTED = "SAT proof finished - model found: FAIL"

EQUAL = "expected == got"
"""What is asked of an element, in Verilog."""


@dataclass(frozen=True, slots=True)
class ElementProof:
    """What was found of one element of a tensor.

    Attributes:
        node: Node that makes the tensor.
        index: Number of the element in row-major order.
        verdict: ``proven`` for all inputs, ``refuted`` by a counter-example, or ``undecided`` when
            the solver ran out of time.
        counter_example: An input for which the element is wrong.
    """

    node: str
    index: int
    verdict: Verdict
    counter_example: CounterExample | None = None

    @property
    def holds(self) -> bool:
        """Whether it was proven for all inputs."""
        return self.verdict == "proven"


@dataclass(frozen=True, slots=True)
class Check:
    """A question to the solver: does a piece of the circuit equal its specification?

    Attributes:
        node: Node that makes the element.
        index: Number of the element.
        wire: Wire that carries it.
        text: A Verilog module without its name: inputs, the circuit, the specification.
        names: Wire of the circuit by input of the module.
        signed: Inputs of the module that are two's complement.
    """

    node: str
    index: int
    wire: str
    text: str
    names: Mapping[str, str]
    signed: frozenset[str] = frozenset()


def checks(graph: Graph, layer: Layer, text: str) -> Iterator[Check]:
    """One question for every element that a layer hands on, or that pooling reads inside it.

    Args:
        graph: What the layer shall compute.
        layer: Its inputs, outputs and products.
        text: Its emitted Verilog.

    Raises:
        BackendError: The text lacks something that is needed.
    """
    netlist = Netlist.of(layer.name, text)
    specification = LayerSpecification(graph, layer, netlist.multiples(_bases(layer)))
    for place in layer.settled:
        wire = _name(place.element)
        about = Check(graph.producers[place.tensor].name, place.index, wire, "", {})
        yield _question(about, place.tensor, place.element, place.base, netlist, specification)
    for bundle in layer.outputs:
        names = iter(netlist.packed(bundle.name) if bundle.wires else ())
        for index, element in enumerate(bundle.elements):
            wire = next(names) if isinstance(element, Wire) else str(element)
            about = Check(graph.producers[bundle.tensor].name, index, wire, "", {})
            base = bundle.base(index)
            yield _question(about, bundle.tensor, element, base, netlist, specification)


def _name(element: Element) -> str:
    return element.name if isinstance(element, Wire) else str(element)


def _question(
    about: Check,
    tensor: str,
    element: Element,
    base: int,
    netlist: Netlist,
    specification: LayerSpecification,
) -> Check:
    """Whether a wire, or a constant, is what the specification says, and in its interval.

    The specification speaks of the multiple of a product that an adder makes, where there is one.
    Where the circuit reads the product in another way as well, it speaks of the product itself.
    """
    if isinstance(element, int):
        made, term = specification.element(tensor, about.index, frozenset())
        expected = made.text(term.linear(1, -base))
        return _check(about, Cone((), (), ()), made, (expected, f"@{element}@", EQUAL))
    for near in (netlist.upstream(about.wire), frozenset[str]()):
        made, term = specification.element(tensor, about.index, near)
        expected = made.text(term.linear(1, -base))
        cone = netlist.cone(about.wire, frozenset(made.variables))
        if made.variables.keys() >= dict(cone.inputs).keys():
            break
    low, high = element.interval
    right = f"{EQUAL} && @{low}@ <= got && got <= @{high}@"
    got = f"$signed({about.wire})" if element.is_signed else f"$signed({{1'b0, {about.wire}}})"
    made.reach(low, high, 1 << element.bits)
    return _check(about, cone, made, (expected, got, right))


def _bases(layer: Layer) -> dict[str, Interval]:
    """Intervals of the wires that a layer's elements are made from: its inputs and products."""
    bases = {wire.name: wire.interval for bundle in layer.inputs for wire in bundle.wires}
    for claim in layer.claims:
        product = claim_wire(claim)
        bases.setdefault(product.name, product.interval)
    return bases


def _check(about: Check, cone: Cone, made: Specification, relation: tuple[str, str, str]) -> Check:
    """The question with its text: what is expected, what is there, and what makes it right."""
    expected, got, right = relation
    bits = made.bits
    inputs = dict(cone.inputs) | {name: w.bits for name, w in made.variables.items()}
    lines = [
        *(f"  input wire [{width - 1}:0] {name}," for name, width in inputs.items()),
        *(f"  input wire signed [BITS-1:0] {name}," for name in made.quotients),
        "  output wire signed [BITS-1:0] expected,",
        "  output wire signed [BITS-1:0] got,",
        "  output wire assumed,",
        "  output wire ok);",
        *(f"  {line}" for line in (*cone.declarations, *cone.instances, *made.lines)),
        f"  assign expected = {expected};",
        f"  assign got = {got};",
        f"  assign assumed = {' && '.join(f'({a})' for a in made.assumptions) or '1'};",
        f"  assign ok = !assumed || ({right});",
        "endmodule",
    ]
    text = "\n".join(lines).replace("BITS-1", str(bits - 1))
    text = re.sub(r"@(-?)(\d+)@", rf"(\g<1>{bits}'sd\g<2>)", text)
    text, names = _canonical(text, (*inputs, *cone.wires))
    signed = frozenset(names[name] for name, w in made.variables.items() if w.is_signed)
    inner = {new: old for old, new in names.items() if old in inputs}
    return replace(about, text=text, names=inner, signed=signed)


def _canonical(text: str, wires: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The text with numbered wires, so that equal pieces of different layers are one question."""
    names = {wire: f"w{number}" for number, wire in enumerate(dict.fromkeys(wires))}

    def renamed(match: re.Match[str]) -> str:
        word = match.group()
        if word.startswith("u_") and word[2:] in names:
            return f"u_{names[word[2:]]}"
        return names.get(word, word)

    return re.sub(r"(?<![.\w'])[A-Za-z_]\w*", renamed, text), names


def prove_checks(
    questions: Sequence[Check],
    library: Sequence[Path],
    *,
    folder: Path,
    timeout_s: float,
    progress: Progress = silent,
) -> tuple[ElementProof, ...]:
    """Answer questions; equal ones are asked once, and those proven before not at all.

    Args:
        questions: The questions.
        library: Verilog of the modules that the circuits consist of.
        folder: Where logs and proofs are kept.
        timeout_s: Wall-clock seconds every process of the solver gets.
        progress: Told how many are answered.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: There is no question, or what Yosys printed cannot be read.
        RunError: A file cannot be written.
    """
    if find_spec("pyosys") is None:
        raise MissingExtra("rtl", package="pyosys", purpose="formal proof")
    if not questions:
        raise BackendError("there is no element to prove", hint="a design must have outputs")
    modules = "".join(path.read_text(encoding="utf-8") for path in sorted(library))
    base = f"yosys {version('pyosys')} sat\n{modules}"
    keys = [hashlib.sha256(f"{base}\n{q.text}".encode()).hexdigest() for q in questions]
    record = folder / "proven.txt"
    proven = dict.fromkeys(record.read_text().split() if is_vouched(record, PROVEN) else ())
    texts = dict(zip(keys, (question.text for question in questions), strict=True))
    unknown = [key for key in texts if key not in proven]
    answers: dict[str, str] = {}
    for start in range(0, len(unknown), BATCH):
        batch = unknown[start : start + BATCH]
        progress(start, len(unknown), "elements")
        found = _solve([texts[key] for key in batch], library, folder, timeout_s)
        answers |= zip(batch, found, strict=True)
        proven |= dict.fromkeys(key for key in batch if _is_proof(answers[key]))
        write_text(record, "".join(f"{key}\n" for key in proven))
        vouch(record, PROVEN)
    progress(len(unknown), len(unknown), "elements")
    return tuple(
        _proof(question, answers.get(key)) for question, key in zip(questions, keys, strict=True)
    )


def _is_proof(answer: str) -> bool:
    """Whether an answer says that no input differs, and that there are inputs."""
    return PROVEN in answer and POSSIBLE in answer


def _solve(
    texts: Sequence[str], library: Sequence[Path], folder: Path, timeout_s: float
) -> list[str]:
    """What Yosys prints of every question."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"check_{number}" for number in range(len(texts))]
    with writing(folder), workspace(folder) as work:
        files = " ".join(map(yosys_word, plain_sources(library, work)))
        modules = (f"module {name} (\n{text}\n" for name, text in zip(names, texts, strict=True))
        write_text(work / "checks.v", "".join(modules))
        lines = [f"read_verilog {files} checks.v", "hierarchy", "proc", "flatten", "opt -fine"]
        for name in names:
            lines += [
                f"log QUESTION {name}",
                f"sat -prove ok 1 -timeout {SOLVER_TIMEOUT_S} -show-inputs -show expected "
                f"-show got {name}",
                f"sat -set assumed 1 {name}",
            ]
        lines.append("log QUESTION end")
        script = write_text(work / "script.ys", "\n".join(lines) + "\n")
        run = run_tool(
            YOSYS,
            ["-c", RUNNER, script],
            cwd=work,
            timeout_s=timeout_s,
            log=folder / "formal.log",
        )
    parts = re.split(r"^QUESTION (\w+)\s*$", run.log.read_text(errors="replace"), flags=re.M)
    if parts[1::2] != [*names, "end"]:
        raise BackendError(
            f"{run.log}: is not a log of proofs that can be read",
            hint="use the pyosys of the extra rtl",
        )
    return parts[2:-1:2]


def _proof(question: Check, answer: str | None) -> ElementProof:
    """The verdict in what Yosys printed; ``None`` stands for a proof that was kept."""
    proof = ElementProof(question.node, question.index, "proven")
    if answer is None:
        return proof
    if POSSIBLE not in answer:
        raise BackendError(
            f"what is assumed of {question.wire} holds for no input, so it proves nothing",
            hint="an interval in the graph or the circuit is wrong",
        )
    if PROVEN in answer:
        return proof
    if REFUTED not in answer:
        return replace(proof, verdict="undecided")
    rows = re.findall(r"^\s*\\(\w+)\s+-?\d*\S*\s+\S+\s+([01]+)\s*$", answer, re.M)
    values = {name: (int(bits, 2), len(bits)) for name, bits in reversed(rows)}  # the first counts
    if not {"expected", "got"} <= values.keys():
        raise BackendError(f"no numbers in the counter-example to {question.wire}")
    signed = {name: n - (n >> (size - 1) << size) for name, (n, size) in values.items()}
    inputs = {
        question.names[name]: signed[name] if name in question.signed else number
        for name, (number, _) in values.items()
        if name in question.names
    }
    example = CounterExample(
        f"{question.node}[{question.index}]",
        question.wire,
        inputs,
        signed["expected"],
        signed["got"],
    )
    return replace(proof, verdict="refuted", counter_example=example)
