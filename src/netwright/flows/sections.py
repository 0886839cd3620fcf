"""The sections of a codesign flow, each checked on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from netwright.faults import closest
from netwright.registry import entries
from netwright.settings import Settings


def _task_name(name: str) -> str:
    known = tuple(entries("tasks"))
    if name not in known:
        accepted = " or ".join(f'"{task}"' for task in known)
        raise ValueError(f'must be {accepted}, not "{name}"{closest(name, known)}')
    return name


Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
WeightBits = Annotated[int, Field(ge=2, le=16)]
ActivationBits = Annotated[int, Field(ge=1, le=16)]
TableBits = Annotated[int, Field(ge=2, le=8)]
ClockMhz = Annotated[float, Field(ge=1, le=100_000)]
LearningRate = Annotated[float, Field(gt=0, lt=10)]
RtlPart = Literal["ecp5-85k", "xcup"]
ROUTED_PART = "ecp5-85k"


class TaskSection(Settings):
    """Which data.

    Attributes:
        kind: Name of a task.
        path: A data file instead of the shipped one; relative to the flow file.
        seed: Seed of the split.
        rows: Use only so many rows of each split; for trials.
    """

    kind: Annotated[str, AfterValidator(_task_name)] = "jets"
    path: Path | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 7
    rows: Count | None = None


class ModelSection(Settings):
    """Which network.

    Attributes:
        kind: A multilayer perceptron.
        hidden: Width of every hidden layer.
        batch_norm: Normalize between a dense layer and its ReLU.
    """

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = (
        64,
        32,
        32,
    )
    batch_norm: bool = False


class TrainSection(Settings):
    """How the float network is trained.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows in one step.
        learning_rate: Peak of the cosine schedule.
    """

    epochs: Count = 20
    batch_size: Count = 512
    learning_rate: LearningRate = 2e-3


class BudgetSection(Settings):
    """What a plan may cost.

    Attributes:
        kind: Bit operations, bits of weight memory, or modelled LUTs or latency of unrolled RTL.
        limit: Largest accepted cost.
    """

    kind: Literal["bops", "weight_bits", "luts", "latency_ns"] = "bops"
    limit: Annotated[float, Field(gt=0)]


class CompressSection(Settings):
    """How the widths are chosen and the network is fine-tuned.

    Attributes:
        kind: Widths from curvature.
        weight_bits: Candidate widths of weights.
        activation_bits: Candidate widths of what the layers read.
        input_bits: Candidate widths of the network's input; `activation_bits` if empty.
        scale: Power-of-two scales are shifts in hardware, float scales are multipliers.
        granularity: One weight scale for a tensor, or one for each output channel.
        budget: What the plan may cost.
        other_budgets: Limits that it must keep besides.
        residual: Share of the loss predicted for weights that is taken to remain after fine-tuning.
        probes: Most Hutchinson probes for a layer.
        epochs: Epochs of fine-tuning.
        batch_size: Rows in one step.
        learning_rate: Peak of the cosine schedule.
    """

    kind: Literal["hawq"] = "hawq"
    weight_bits: Annotated[tuple[WeightBits, ...], Field(min_length=1)] = (2, 3, 4, 5, 6, 7, 8)
    activation_bits: Annotated[tuple[ActivationBits, ...], Field(min_length=1)] = (
        3,
        4,
        5,
        6,
        7,
        8,
    )
    input_bits: tuple[ActivationBits, ...] = ()
    scale: Literal["power-of-two", "float"] = "power-of-two"
    granularity: Literal["tensor", "channel"] = "tensor"
    budget: BudgetSection
    other_budgets: Annotated[tuple[BudgetSection, ...], Field(max_length=3)] = ()
    residual: Annotated[float, Field(ge=0, le=1)] = 0.1
    probes: Annotated[int, Field(ge=2, le=100_000)] = 200
    epochs: Count = 10
    batch_size: Count = 512
    learning_rate: LearningRate = 1e-3


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


class HlsSection(Settings):
    """C++ for high-level synthesis.

    Attributes:
        part: FPGA device.
        clock_mhz: Clock frequency it is for.
        io_type: Whole vectors at once, or a stream of values.
        strategy: Optimize for latency or for resources.
        reuse_factor: Multiplications that share one multiplier.
    """

    part: Annotated[str, Field(min_length=1, max_length=100)] = "xcku115-flvb2104-2-i"
    clock_mhz: ClockMhz = 200.0
    io_type: Literal["io_parallel", "io_stream"] = "io_parallel"
    strategy: Literal["latency", "resource"] = "latency"
    reuse_factor: Annotated[int, Field(ge=1, le=65536)] = 1


class RtlSection(Settings):
    """Verilog of our own, taken through open tools.

    Attributes:
        part: What it is mapped to, and placed and routed on if ``route`` says so.
        clock_mhz: Clock frequency it is for.
        adders_per_stage: Adders in series between two pipeline registers.
        compare_parts: Other parts that it is mapped to, for comparison.
        route: Place and route it: minutes for a small network, hours for a large one.
        speed_grade: Speed grade of the part, 6 (slowest) to 8.
        depths: Adders in series between two registers with which it is placed and routed besides,
            to see what registers buy.
    """

    TEXT: ClassVar[set[str]] = {"part", "clock_mhz", "adders_per_stage"}
    """Options that the generated files depend on."""

    part: RtlPart = "ecp5-85k"
    clock_mhz: ClockMhz = 200.0
    adders_per_stage: Annotated[int, Field(ge=1, le=1000)] = 2
    compare_parts: tuple[RtlPart, ...] = ("xcup",)
    route: bool = False
    speed_grade: Literal[6, 7, 8] = 6
    depths: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _can_be_routed(self) -> Self:
        if self.depths and not self.route:
            raise ValueError("depths must be empty, or route true: every depth is routed")
        if self.route and self.part != ROUTED_PART:
            raise ValueError(
                f'route must be false for part "{self.part}": no open tool places and routes it; '
                f'part "{ROUTED_PART}" can be routed'
            )
        return self


class TablesSection(Settings):
    """A second, small network for the same task, made of tables and sums; Verilog only.

    Attributes:
        hidden: Sums in every hidden layer.
        bits: Width of the codes that each layer's tables read, the input's first.
        knots: Values that a function is learned as.
        fraction: Bits that the entries have beyond the codes of their sum.
        edges: Share of the functions that stay.
        fine: Share of the first layer's remaining functions that read every bit of their code; the
            others leave out the lowest.
        window: Share of the training rows on either side that the input's codes limit.
        distill: Share of the loss that is the cross entropy with a float network's predictions.
        teacher: Hidden widths of that network, which is trained first, normalized, as the section
            ``train`` says; the flow's own float network if empty.
        epochs: Passes over the training rows.
        batch_size: Rows in one step.
        learning_rate: Peak of the cosine schedule.
        rtl: Options of its Verilog; it is placed and routed unless ``rtl.route`` is false.
    """

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(max_length=4)] = (12,)
    bits: tuple[TableBits, ...] = (6, 6)
    knots: Annotated[int, Field(ge=2, le=256)] = 16
    fraction: Annotated[int, Field(ge=0, le=4)] = 1
    edges: Annotated[float, Field(gt=0, le=1)] = 1.0
    fine: Annotated[float, Field(ge=0, le=1)] = 1.0
    window: Annotated[float, Field(ge=0, lt=0.5)] = 0.002
    distill: Annotated[float, Field(ge=0, le=1)] = 1.0
    teacher: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(max_length=16)] = ()
    epochs: Count = 40
    batch_size: Count = 512
    learning_rate: LearningRate = 1e-2
    rtl: RtlSection = RtlSection(route=True)

    @model_validator(mode="after")
    def _a_width_for_every_layer(self) -> Self:
        if len(self.bits) != len(self.hidden) + 1:
            raise ValueError(
                f"bits must hold {len(self.hidden) + 1} widths, one for the input and one for each "
                f"hidden layer, not {len(self.bits)}"
            )
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
