"""The sections of a codesign flow, each checked on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, SerializeAsAny, model_validator
from pydantic_core import PydanticCustomError

from netwright.faults import NESTED
from netwright.flows.choice import Choice, name_of, reader
from netwright.flows.training import Count, LearningRate, TrainingSettings
from netwright.python_file import is_python_name, parse
from netwright.settings import Settings

WeightBits = Annotated[int, Field(ge=2, le=16)]
TableBits = Annotated[int, Field(ge=2, le=8)]


class TaskSection(Choice):
    """Which data; the other settings are options of the task.

    Attributes:
        kind: Name of a task, or of one in a Python file.
        rows: Use only so many rows of each split; for trials.
        loss: Another loss than the task's own: a name, or ``"FILE.py:NAME"``.
        score: Another score than the task's own, likewise.
    """

    OF: ClassVar[str] = "tasks"

    kind: str = "jets"
    rows: Count | None = None
    loss: Annotated[str | None, AfterValidator(name_of("losses"))] = None
    score: Annotated[str | None, AfterValidator(name_of("scores"))] = None

    def files(self, label: str, folder: Path) -> dict[str, Path]:
        """Files and folders whose contents count; see :meth:`Choice.files`."""
        found = super().files(label, folder)
        for part, name in (("loss", self.loss), ("score", self.score)):
            if name is not None and is_python_name(name):
                found[f"{label}.{part}"] = parse(name, folder=folder).path
        return found


class ModelSection(Choice):
    """Which network; the other settings are options of the model.

    Attributes:
        kind: Name of a model, or of one in a Python file.
    """

    OF: ClassVar[str] = "models"
    GIVEN: ClassVar[tuple[str, ...]] = ("task", "seed")

    kind: str = "mlp"


AnyTask = Annotated[SerializeAsAny[TaskSection], PlainValidator(reader(TaskSection))]
AnyModel = Annotated[SerializeAsAny[ModelSection], PlainValidator(reader(ModelSection))]


class TrainSection(TrainingSettings):
    """How the float network is trained."""


class SparsitySection(Choice):
    """Zeros of the weights that a network is trained with; the settings are those of the kind.

    Attributes:
        kind: What has zeros: ``"nm"``.
    """

    OF: ClassVar[str] = "sparsifiers"

    kind: Literal["nm"] = "nm"


AnySparsity = Annotated[SerializeAsAny[SparsitySection], PlainValidator(reader(SparsitySection))]


class CompressSection(Choice, TrainingSettings):
    """How the network gets its widths and is fine-tuned; other settings are the compressor's.

    Those of a training are those of the fine-tuning.

    Attributes:
        kind: Name of a compressor: ``"hawq"`` from curvature, ``"fixed"`` as given.
        module: Path of the part of the model that becomes hardware; all of it if left out.
        scale: Power-of-two scales are shifts in hardware, float scales are multipliers.
        granularity: One weight scale for a tensor, or one for each output channel.
        epochs: Epochs of fine-tuning.
        learning_rate: Peak of its schedule.
        sparsity: Zeros that the weights have from the first step of the float training on; none if
            left out.
    """

    OF: ClassVar[str] = "compressors"

    kind: str = "hawq"
    module: Annotated[str, Field(pattern=r"[A-Za-z_]\w*(\.\w+)*")] | None = None
    scale: Literal["power-of-two", "float"] = "power-of-two"
    granularity: Literal["tensor", "channel"] = "tensor"
    epochs: Count = 10
    learning_rate: LearningRate = 1e-3
    sparsity: AnySparsity | None = None


AnyCompressor = Annotated[SerializeAsAny[CompressSection], PlainValidator(reader(CompressSection))]


class SweepSection(Settings):
    """Which other plans are trained, to draw the front of accuracy and cost.

    Attributes:
        budgets: Limits, in the unit of ``compress.budget``, of plans chosen as ``compress`` does.
        uniform: Widths of plans with one width for all weights and activations.
        blind: Also choose at every limit without looking at sensitivities.
        sampled: Random plans of the published search space.
        epochs: Epochs of fine-tuning for each plan.
    """

    budgets: tuple[Annotated[float, Field(gt=0)], ...] = ()
    uniform: tuple[WeightBits, ...] = ()
    blind: bool = True
    sampled: Annotated[int, Field(ge=0, le=625)] = 0
    epochs: Count = 5


class BackendSection(Choice):
    """Hardware that is made; the settings are options of the backend."""

    OF: ClassVar[str] = "backends"

    @model_validator(mode="after")
    def _are_accepted(self) -> Self:
        return self.require_made()


class HlsSection(BackendSection):
    """C++ for high-level synthesis.

    Attributes:
        kind: The backend.
    """

    OF: ClassVar[str] = "backends"

    kind: Literal["hls"] = "hls"


class RtlSection(BackendSection):
    """Verilog of our own, taken through open tools.

    Attributes:
        kind: The backend.
        compare_parts: Other parts that it is mapped to, for comparison.
        route: Place and route it: minutes for a small network, hours for a large one.
        speed_grade: Speed grade of the part; the slowest if left out.
        depths: Adders in series between two registers with which it is placed and routed besides,
            to see what registers buy.
    """

    OF: ClassVar[str] = "backends"

    kind: Literal["rtl"] = "rtl"
    compare_parts: tuple[str, ...] = ("xcup",)
    route: bool = False
    speed_grade: int | None = None
    depths: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _can_be_implemented(self) -> Self:
        from netwright.backends.rtl import find_part, part_names, routed_parts

        known = part_names()
        faults = [
            f'compare_parts must name {" or ".join(known)}, not "{part}"'
            for part in self.compare_parts
            if part not in known
        ]
        if self.depths and not self.route:
            faults.append("depths must be empty, or route true: every depth is routed")
        if self.depths and self.options.get("shared") is not None:
            faults.append("depths must be empty: a shared accelerator has registers of its own")
        if (
            self.options.get("table_sums") == "auto"
            and self.options.get("latency_cycles") is not None
        ):
            faults += [
                f'compare_parts must leave out "{part}", of which no delays are known: table_sums '
                '"auto" makes other Verilog for it, and latency_cycles needs them'
                for part in self.compare_parts
                if part in known and find_part(part).delays is None
            ]
        part = self.options.get("part", "")
        placement = find_part(part).placement if part in known else None
        if self.route and placement is None:
            faults.append(
                f'route must be false for part "{part}": no open tool places and routes it; '
                f"parts that can be routed: {', '.join(routed_parts())}"
            )
        grades = () if placement is None else placement.speed_grades
        if self.speed_grade is not None and grades and self.speed_grade not in grades:
            accepted = " or ".join(map(str, grades))
            faults.append(f"speed_grade must be {accepted}, not {self.speed_grade}")
        if faults:
            raise PydanticCustomError(NESTED, "{faults}", {"faults": tuple(faults)})
        return self

    def text(self) -> RtlSection:
        """The options that the generated files depend on; how they are implemented changes none."""
        return RtlSection.of(self.kind, **self.options)


class SocSection(BackendSection):
    """A chip with a processor around the network, executed by simulation.

    Attributes:
        kind: The backend.
    """

    OF: ClassVar[str] = "backends"

    kind: Literal["soc"] = "soc"


class ChipSection(BackendSection):
    """The network on a chip whose weights are loaded over a bus while data are taken.

    Attributes:
        kind: The backend.
        wafers: Rows that are sent through it with every weight set in every mode.
    """

    OF: ClassVar[str] = "backends"

    kind: Literal["chip"] = "chip"
    wafers: Annotated[int, Field(ge=1, le=1_000_000)] = 1000


AnyChip = Annotated[SerializeAsAny[ChipSection], PlainValidator(reader(ChipSection))]
AnyHls = Annotated[SerializeAsAny[HlsSection], PlainValidator(reader(HlsSection))]
AnyRtl = Annotated[SerializeAsAny[RtlSection], PlainValidator(reader(RtlSection))]
AnySoc = Annotated[SerializeAsAny[SocSection], PlainValidator(reader(SocSection))]


class TablesSection(TrainingSettings):
    """A second, small network for the same task, made of tables and sums; Verilog only.

    Attributes:
        hidden: Sums in every hidden layer.
        bits: Width of the codes that each layer's tables read, the input's first.
        knots: Values that a function is learned as.
        fraction: Bits that the entries have beyond the codes of their sum.
        logit_fraction: Fraction bits of the logits.
        input_bits: Width of inputs that become codes by a table each; those are the codes if left
            out.
        edges: Share of the functions that stay.
        fine: Share of the first layer's remaining functions that read every bit of their code; the
            others leave out the lowest.
        luts: LUTs of six inputs that decide what stays, instead of the two shares.
        lut_price: By how much the loss may rise for a LUT less.
        window: Share of the training rows on either side that the input's codes limit.
        distill: Share of the loss that is the cross entropy with a float network's predictions.
        teacher: Hidden widths of that network, which is trained first, normalized, as the section
            ``train`` says; the flow's own float network if empty.
        epochs: Passes over the training rows.
        learning_rate: Peak of the schedule.
        rtl: Options of its Verilog; it is placed and routed unless ``rtl.route`` is false.
    """

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(max_length=4)] = (12,)
    bits: tuple[TableBits, ...] = (6, 6)
    knots: Annotated[int, Field(ge=2, le=256)] = 16
    fraction: Annotated[int, Field(ge=0, le=4)] = 1
    logit_fraction: Annotated[int, Field(ge=0, le=8)] = 3
    input_bits: Annotated[int, Field(ge=3, le=10)] | None = None
    edges: Annotated[float, Field(gt=0, le=1)] = 1.0
    fine: Annotated[float, Field(ge=0, le=1)] = 1.0
    luts: Annotated[float, Field(ge=1, le=1e6)] | None = None
    lut_price: Annotated[float, Field(ge=0, le=1)] = 0.0
    window: Annotated[float, Field(ge=0, lt=0.5)] = 0.002
    distill: Annotated[float, Field(ge=0, le=1)] = 1.0
    teacher: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = ()
    epochs: Count = 40
    learning_rate: LearningRate = 1e-2
    rtl: AnyRtl = Field(default_factory=lambda: RtlSection.of("rtl", route=True))

    @model_validator(mode="after")
    def _a_width_for_every_layer(self) -> Self:
        if len(self.bits) != len(self.hidden) + 1:
            raise ValueError(
                f"bits must hold {len(self.hidden) + 1} widths, one for the input and one for each "
                f"hidden layer, not {len(self.bits)}"
            )
        if self.input_bits is not None and self.input_bits <= self.bits[0]:
            raise ValueError(
                f"input_bits must be more than the {self.bits[0]} bits of the first codes, not "
                f"{self.input_bits}"
            )
        if self.luts is not None and min(self.edges, self.fine) < 1:
            raise ValueError("luts says what stays: leave out edges and fine")
        return self


class VerifySection(Settings):
    """On what the stages are compared; the whole test split and the corner inputs always are.

    Attributes:
        random_rows: Random rows from the whole input format.
        tie_rows: Rows at which some rounding meets a tie.
        qonnx_rows: Rows of each set for the QONNX executor, which is slow.
    """

    random_rows: Count = 10_000
    tie_rows: Count = 512
    qonnx_rows: Count = 500
