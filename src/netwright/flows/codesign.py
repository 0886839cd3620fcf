"""The codesign flow: train, compress, trace, generate, verify, report."""

from __future__ import annotations

from pathlib import Path

from netwright import __version__
from netwright.flows.flow import FlowSettings
from netwright.flows.sections import (
    CompressSection,
    HlsSection,
    ModelSection,
    RtlSection,
    SweepSection,
    TablesSection,
    TaskSection,
    TrainSection,
    VerifySection,
)
from netwright.flows.stages.common import TABLE
from netwright.flows.stages.compress import CompressParameters, compress
from netwright.flows.stages.data import DataParameters, read_data
from netwright.flows.stages.generate import GenerateParameters, generate
from netwright.flows.stages.implement import ImplementParameters, implement
from netwright.flows.stages.report import ReportParameters, make_report
from netwright.flows.stages.sensitivity import SensitivityParameters, measure
from netwright.flows.stages.sweep import SweepParameters, run_sweep
from netwright.flows.stages.tables import (
    TablesParameters,
    TablesRtlParameters,
    implement_tables,
    train_tables,
)
from netwright.flows.stages.trace import TraceParameters, trace_best
from netwright.flows.stages.train import TrainParameters, train
from netwright.flows.stages.verify import VerifyParameters, verify
from netwright.run.stage import AnyStage, Flow, Stage
from netwright.run.toml import dump

LEARNING = ("train", "solve")
SIMULATOR = ("g++ or iverilog",)
"""What the stages that choose widths, and those that simulate Verilog, require."""


class CodesignFlow(FlowSettings):
    """From a task to verified hardware.

    Attributes:
        task: Which data.
        model: Which network.
        train: How the float network is trained.
        compress: How widths are chosen and the network is fine-tuned.
        sweep: Which other plans are tried; none if left out.
        hls: Options of C++ for high-level synthesis; none is generated if left out.
        rtl: Options of Verilog; none is generated if left out.
        tables: A second, small network of tables, down to place and route; none if left out.
        verify: On what the stages are compared.
    """

    task: TaskSection = TaskSection()
    model: ModelSection = ModelSection()
    train: TrainSection = TrainSection()
    compress: CompressSection
    sweep: SweepSection | None = None
    hls: HlsSection | None = None
    rtl: RtlSection | None = None
    tables: TablesSection | None = None
    verify: VerifySection = VerifySection()

    def flow(self, *, folder: Path) -> Flow:
        """The stages of this flow; relative paths start at `folder`."""
        if self.task.path is None:
            resolved, files = self, {}
        else:
            path = (folder / self.task.path).resolve()
            resolved = self.model_copy(update={"task": self.task.model_copy(update={"path": path})})
            files = {TABLE: path}
        return Flow(self.name, self._stages(files), seeds=self.seeds, settings=dump(resolved))

    def _stages(self, files: dict[str, Path]) -> tuple[AnyStage, ...]:
        # The place of the data file is no setting of a stage: its content is an input.
        task, model, seeds = self.task.model_copy(update={"path": None}), self.model, self.seeds
        choose, seed = self.compress, seeds[0]
        measured = SensitivityParameters(
            task=task,
            model=model,
            weight_bits=choose.weight_bits,
            activation_bits=tuple(sorted({*choose.activation_bits, *choose.input_bits})),
            scale=choose.scale,
            granularity=choose.granularity,
            probes=choose.probes,
            seed=seed,
        )
        stages: list[AnyStage] = [
            Stage("data", 1, DataParameters(task=task, package=__version__), (), read_data, files),
            Stage(
                "train",
                3,
                TrainParameters(task=task, model=model, train=self.train, seeds=seeds),
                ("data",),
                train,
                files,
                requires=("train",),
            ),
            Stage(
                "sensitivity",
                1,
                measured,
                ("data", "train"),
                measure,
                files,
                requires=("train",),
            ),
            Stage(
                "compress",
                3,
                CompressParameters(task=task, model=model, compress=choose, seeds=seeds),
                ("data", "train", "sensitivity"),
                compress,
                files,
                requires=LEARNING,
            ),
        ]
        if self.sweep is not None:
            swept = SweepParameters(
                task=task, model=model, compress=choose, sweep=self.sweep, seeds=seeds[:1]
            )
            needs = ("data", "train", "sensitivity")
            stages.append(Stage("sweep", 1, swept, needs, run_sweep, files, requires=LEARNING))
        return (*stages, *self._hardware(task, files))

    def _hardware(self, task: TaskSection, files: dict[str, Path]) -> tuple[AnyStage, ...]:
        name = self.name.replace("-", "_")
        traced = TraceParameters(task=task, model=self.model, name=name)
        stages: list[AnyStage] = [
            Stage("trace", 1, traced, ("data", "compress"), trace_best, files, requires=("train",))
        ]
        hardware: tuple[str, ...] = ()
        # How the Verilog is implemented changes neither its text nor what it computes.
        text = self.rtl and RtlSection(**self.rtl.model_dump(include=RtlSection.TEXT))
        if self.hls is not None or self.rtl is not None:
            made = GenerateParameters(hls=self.hls, rtl=text)
            languages = ("hls",) * (self.hls is not None) + ("rtl",) * (self.rtl is not None)
            stages.append(Stage("generate", 2, made, ("trace",), generate, requires=languages))
            hardware = ("generate",)
        checked = VerifyParameters(
            task=task,
            model=self.model,
            hls=self.hls,
            rtl=text,
            verify=self.verify,
            seed=self.seeds[0],
        )
        needs = ("data", "compress", "trace", *hardware)
        programs = ("g++",) if self.hls is not None else SIMULATOR if self.rtl is not None else ()
        required = ("train", "qonnx", *programs)
        stages.append(Stage("verify", 2, checked, needs, verify, files, requires=required))
        if self.rtl is not None:
            implemented = ImplementParameters(rtl=self.rtl)
            needs = ("trace", "generate")
            stages.append(Stage("implement", 1, implemented, needs, implement, requires=("rtl",)))
            hardware = (*hardware, "implement")
        if self.tables is not None:
            stages += self._tables(task, files)
            hardware = (*hardware, "tables", "tables_rtl")
        shown = ReportParameters(
            name=self.name,
            task=task,
            hls=self.hls,
            epochs=self.compress.epochs,
            swept_epochs=self.sweep.epochs if self.sweep else 0,
            settings=dump(self),
            package=__version__,
        )
        swept = ("sweep",) if self.sweep is not None else ()
        needs = ("data", "train", "sensitivity", "compress", *swept, "trace", *hardware, "verify")
        published = ("report.json", "report.html")
        stages.append(Stage("report", 3, shown, needs, make_report, files, published))
        return tuple(stages)

    def _tables(self, task: TaskSection, files: dict[str, Path]) -> tuple[AnyStage, ...]:
        """The network of tables, trained and then taken to hardware."""
        assert self.tables is not None
        name = f"{self.name}-tables".replace("-", "_")
        # How the Verilog is made and implemented does not change the network.
        network = self.tables.model_copy(update={"rtl": RtlSection()})
        trained = TablesParameters(
            task=task, model=self.model, train=self.train, tables=network, name=name,
            seeds=self.seeds,
        )  # fmt: skip
        made = TablesRtlParameters(
            **{**trained.model_dump(), "tables": self.tables}, verify=self.verify
        )
        return (
            Stage(
                "tables", 1, trained, ("data", "train"), train_tables, files, requires=("train",)
            ),
            Stage(
                "tables_rtl",
                1,
                made,
                ("data", "tables"),
                implement_tables,
                files,
                requires=("train", "rtl", *SIMULATOR),
            ),
        )
