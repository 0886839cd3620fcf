"""The report as data: what ``report.json`` holds and every picture and table is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from netwright.notebook import table
from netwright.quantities import Quantity
from netwright.report.data import DataSection
from netwright.report.hardware import Hardware
from netwright.report.learning import Confusion, TrainingCurve
from netwright.report.measure import ACCURACY, Measure
from netwright.report.part import Count, Part, Share
from netwright.report.views import Views
from netwright.report.when import When

SCHEMA_VERSION: Literal[2] = 2
"""Version of the layout below; a document of another version is refused."""

MAX_CURVE_POINTS = 200
"""Most points kept of one ROC curve: more cannot be seen and only swell the file."""

FrontKind = Literal["hawq", "given", "uniform", "blind", "sampled", "float"]
"""How the bit widths of a point were chosen; ``blind`` ignores sensitivities."""

Verdict = Literal["reproduced", "trend", "modelled", "smaller-scale", "differs", "not-attempted"]
"""What became of a published claim; see :mod:`netwright.studies`."""


class AccuracyRow(Part):
    """The score of one stage.

    Attributes:
        stage: Label such as ``"float"`` or ``"integer graph"``.
        accuracy: The score, a mean over the seeds with the standard deviation over them.
        seeds: The seeds that were trained.
        num_rows: Rows of which it is a share, if it is one and they are known.
    """

    stage: str
    accuracy: Quantity
    seeds: tuple[int, ...] = ()
    num_rows: Annotated[int, Field(ge=1)] | None = None

    @property
    def binomial_error(self) -> float | None:
        """Standard error from the finite number of rows; others would give another share."""
        if self.num_rows is None:
            return None
        share = min(max(self.accuracy.value, 0.0), 1.0)
        return float((share * (1 - share) / self.num_rows) ** 0.5)


class RocCurve(Part):
    """One class against the rest.

    Attributes:
        label: Name of the class.
        false_positive_rate: Rising, 0 to 1; at most :data:`MAX_CURVE_POINTS` points.
        true_positive_rate: One value per false-positive rate.
        area: Area under the full curve.
    """

    label: str
    false_positive_rate: tuple[Share, ...]
    true_positive_rate: tuple[Share, ...]
    area: Quantity

    @classmethod
    def of(
        cls,
        label: str,
        false_positive_rate: Sequence[float],
        true_positive_rate: Sequence[float],
        area: Quantity,
    ) -> Self:
        """A curve of any length, thinned to :data:`MAX_CURVE_POINTS` evenly spaced points."""
        last = len(false_positive_rate) - 1
        steps = min(last, MAX_CURVE_POINTS - 1)
        kept = [round(step * last / max(steps, 1)) for step in range(steps + 1)]
        return cls(
            label=label,
            false_positive_rate=tuple(float(false_positive_rate[i]) for i in kept),
            true_positive_rate=tuple(float(true_positive_rate[i]) for i in kept),
            area=area,
        )

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        lengths = len(self.false_positive_rate), len(self.true_positive_rate)
        if lengths[0] != lengths[1] or not 2 <= lengths[0] <= MAX_CURVE_POINTS:
            raise ValueError(
                f"a ROC curve must have 2 to {MAX_CURVE_POINTS} points in both rates, "
                f"not {lengths[0]} and {lengths[1]}"
            )
        return self


class SensitivityRow(Part):
    """How much the loss minds a change of one layer's weights, and of what the layer reads.

    Attributes:
        layer: Name of the layer.
        trace: Trace of the layer's block of the Hessian; its deviation is the standard error.
        num_parameters: Weights in the block.
        num_probes: Random probes behind the trace.
        eigenvalue: Largest eigenvalue of the block, when it was computed.
        perturbations: Squared distance to the quantized weights, by weight bits.
        input_growth: Growth of the loss when only what the layer reads is quantized, by input bits.
    """

    layer: str
    trace: Quantity
    num_parameters: Annotated[int, Field(ge=1)]
    num_probes: Count
    eigenvalue: Quantity | None = None
    perturbations: Mapping[int, float] = {}
    input_growth: Mapping[int, Quantity] = {}

    @property
    def trace_per_parameter(self) -> float:
        """Average curvature, the weight of the layer in the allocation."""
        return self.trace.value / self.num_parameters


class PlanRow(Part):
    """The widths of one layer.

    Attributes:
        layer: Name of the layer.
        weight_bits: Width of the weights.
        input_bits: Width of the activations that enter the layer.
        shape: Shape of the weights.
        num_weights: Weights, biases left out.
        bops: Bit operations for one inference.
        pattern: Where the zeros of the weights lie, such as ``"2:8"``; empty for dense weights.
        stored_bytes: Bytes of the weights as they are stored, with the places of those that are
            kept; not said where all layers are dense.
    """

    layer: str
    weight_bits: Count
    input_bits: Count
    shape: tuple[int, ...]
    num_weights: Count
    bops: Quantity
    pattern: str = ""
    stored_bytes: Count | None = None


class FrontPoint(Part):
    """One trained network on the plane of cost and accuracy.

    Attributes:
        kind: How its widths were chosen.
        label: Short name, such as ``"w4a4"``.
        bops: Bit operations for one inference.
        accuracy: The score; the deviation is over seeds.
        bits: Width of the weights, by layer.
        input_bits: Width of what enters, by layer, if known.
        chosen: Whether this is the plan the run went on with.
        epochs: Epochs of its training, if known.
        num_seeds: Trainings behind the accuracy, if known.
        budget: The limit that it was chosen for, if there was one; plans of one budget compete.
    """

    kind: FrontKind
    label: str
    bops: Quantity
    accuracy: Quantity
    bits: tuple[int, ...] = ()
    input_bits: tuple[int, ...] = ()
    chosen: bool = False
    epochs: Count | None = None
    num_seeds: Count | None = None
    budget: str = ""

    def had_less(self, chosen: FrontPoint) -> bool:
        """Whether it had fewer epochs or seeds than the plan the run went on with."""
        pairs = ((self.epochs, chosen.epochs), (self.num_seeds, chosen.num_seeds))
        return any(own is not None and other is not None and own < other for own, other in pairs)


class DesignPoint(Part):
    """A network in hardware, on the plane of lookup tables and accuracy.

    Attributes:
        name: Of the design.
        data: On which data the accuracy was found.
        accuracy: The score.
        lut: Lookup tables; the source names the tool.
        latency: From an input to its outputs, if known.
        fmax: Largest clock frequency, if known.
        lut_inputs: Inputs of its lookup tables, if known: a table of six holds up to four of four.
        tools: Who counted: ``"open"`` tools or a ``"vendor"``'s, if known.
    """

    name: str
    data: str
    accuracy: Quantity
    lut: Quantity
    latency: Quantity | None = None
    fmax: Quantity | None = None
    lut_inputs: Annotated[int, Field(ge=2, le=8)] | None = None
    tools: Literal["open", "vendor"] | None = None

    @property
    def counting(self) -> str:
        """In which tables, and by whose tools, the lookup tables are counted."""
        size = "lookup tables" if self.lut_inputs is None else f"LUT{self.lut_inputs}"
        return size if self.tools is None else f"{size}, {self.tools} tools"


class CertificateRow(Part):
    """Two stages compared: integer for integer, or operator by operator where values are real.

    Attributes:
        stage: The stage that was checked.
        against: The stage it must equal.
        stimuli: Name of the set of inputs.
        num_rows: Inputs checked.
        num_wanted: Inputs that were asked for, where there are fewer because each is large or its
            stage slow; else 0.
        num_identical: Inputs whose outputs agree in every integer.
        difference: The first difference: tensor, index, both values and likely cause.
        num_rounded: Further inputs that agree once the file is computed in float64: they differ by
            float rounding inside the file.
        num_noted: Further inputs that differ by what the notes of the graph name, and by no more.
        worst: Largest absolute difference of an output in its own unit; ``None`` where integers
            are compared.
        worst_steps: The same in steps of the output's grid.
        num_within: Inputs in which every operator on codes gives equal ones and every real operator
            lies within its stated tolerance; for graphs with real parts, whose outputs are not
            compared for equality. Of a file with real outputs: those that are as close as floats
            allow.
        compared: What was compared for equality and what within tolerance, in words.
    """

    stage: str
    against: str
    stimuli: str
    num_rows: Count
    num_identical: Count
    difference: str | None = None
    num_wanted: Count = 0
    num_rounded: Count = 0
    num_noted: Count = 0
    worst: float | None = None
    worst_steps: float | None = None
    num_within: Count = 0
    compared: str | None = None

    def _repr_html_(self) -> str:
        verdict = "identical" if self.identical else "DIFFERENT"
        title = f"{self.stage} and {self.against} on {self.stimuli}: {verdict}"
        rows = [("rows", self.num_rows), ("identical", self.num_identical),
                ("first difference", self.difference or "none")]  # fmt: skip
        return table(title, ("", ""), rows)

    @property
    def identical(self) -> bool:
        """Whether something was checked and every row agrees."""
        return self.num_rows > 0 and self.num_identical == self.num_rows

    @property
    def num_explained(self) -> int:
        """Inputs whose difference has a cause that was checked on each of them."""
        return self.num_rounded + self.num_noted + self.num_within

    @property
    def holds(self) -> bool:
        """Whether something was checked, and every row agrees or has its difference explained."""
        return 0 < self.num_rows == self.num_identical + self.num_explained

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.num_identical > self.num_rows:
            raise ValueError(
                f"num_identical must be at most num_rows, {self.num_rows}, not {self.num_identical}"
            )
        if self.num_identical + self.num_explained > self.num_rows:
            raise ValueError(
                f"num_identical, num_rounded, num_noted and num_within must be at most num_rows, "
                f"{self.num_rows}, together, not {self.num_identical + self.num_explained}"
            )
        return self


class Rewrite(Part):
    """A change to the network that was made on the way to integers, with the error it brings."""

    node: str
    text: str
    error: Quantity | None = None


class Fact(Part):
    """One line about the design or the run: part, clock, reuse factor, latency."""

    name: str
    value: Quantity | str


class ClaimRow(Part):
    """One published claim and what became of it here.

    Attributes:
        id: Identifier in the study.
        text: The claim as a sentence.
        published: The published figure, when there is one.
        ours: Our figure, when there is one.
        verdict: What the comparison says.
        why: The reason for the verdict.
    """

    id: str
    text: str
    published: Quantity | None
    ours: Quantity | None
    verdict: Verdict
    why: str

    @property
    def ratio(self) -> float | None:
        """Ours over published, when both exist and the published figure is not 0."""
        if self.published is None or self.ours is None or self.published.value == 0:
            return None
        return self.ours.value / self.published.value


class Document(Part):
    """Everything a report shows; an empty section is left out.

    Attributes:
        name: Short name of the run or study; also the file's name in links.
        title: Heading.
        task: What it is about, in sentences.
        data: What was learned from, where it comes from, and how it was split.
        measure: What networks are scored by.
        views: Pictures of the task's own.
        accuracy: One row a stage, float first.
        confusion: What rows of every class were taken for.
        training: One curve a training.
        roc: One curve a class.
        sensitivities: One row a layer, in the order of the network.
        plan: One row a layer, in the order of the network.
        front: Networks on the plane of cost and accuracy.
        certificate: One row a comparison, in the order of the stages.
        hardware: What became of generated Verilog in synthesis, proof, place and route.
        chip: What a chip does while its weights are replaced.
        tables: The same of a second network, one of tables.
        designs: Networks in hardware, those of this run and published ones.
        rewrites: Changes made on the way to integers.
        facts: Facts about the design.
        claims: Published claims and our figures.
        digests: SHA-256 by file.
        assumptions: Sentences a reader must know to trust the figures.
        settings: The settings of the run, as TOML.
        when: When, where and with which versions: what two equal runs may differ in.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    name: str
    title: str
    task: str = ""
    data: DataSection | None = None
    measure: Measure = ACCURACY
    views: Views | None = None
    accuracy: tuple[AccuracyRow, ...] = ()
    roc: tuple[RocCurve, ...] = ()
    confusion: Confusion | None = None
    training: tuple[TrainingCurve, ...] = ()
    sensitivities: tuple[SensitivityRow, ...] = ()
    plan: tuple[PlanRow, ...] = ()
    front: tuple[FrontPoint, ...] = ()
    certificate: tuple[CertificateRow, ...] = ()
    hardware: Hardware | None = None
    chip: Views | None = None
    tables: Hardware | None = None
    designs: tuple[DesignPoint, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    facts: tuple[Fact, ...] = ()
    claims: tuple[ClaimRow, ...] = ()
    digests: Mapping[str, str] = {}
    assumptions: tuple[str, ...] = ()
    settings: str = ""
    when: When | None = None

    def to_json(self) -> str:
        """The text of ``report.json``: fields in the order above, two spaces, one final newline."""
        return self.model_dump_json(indent=2) + "\n"

    def _repr_html_(self) -> str:
        from netwright.report.headline import headline

        rows = ((card.name, card.value, card.note) for card in headline(self))
        return table(self.title, ("", "", ""), rows)

    @property
    def certified(self) -> bool:
        """Whether there is a certificate, every row of it agrees, and no proof failed."""
        made = [hardware for hardware in (self.hardware, self.tables) if hardware]
        return (
            bool(self.certificate)
            and all(row.identical for row in self.certificate)
            and all(hardware.certified for hardware in made)
        )
