"""The codesign flow: train, compress, trace, generate, verify, report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pydantic import Field

from netwright import __version__
from netwright.backends.tools import GXX, SIMULATED_WITH
from netwright.compress import Hawq, Measurement
from netwright.errors import ConfigError
from netwright.flows.choice import Choice
from netwright.flows.flow import FlowSettings
from netwright.flows.rehearsal import Network
from netwright.flows.sections import (
    AnyChip,
    AnyCompressor,
    AnyHls,
    AnyModel,
    AnyRtl,
    AnyTask,
    ModelSection,
    RtlSection,
    SweepSection,
    TablesSection,
    TaskSection,
    TrainSection,
    VerifySection,
)
from netwright.flows.stages.chip import ChipParameters, make_chip
from netwright.flows.stages.compress import CompressParameters, compress, compressor
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
"""What the stages that choose widths require."""


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
        chip: Options of a chip whose weights are loaded; none is made if left out.
        tables: A second, small network of tables, down to place and route; none if left out.
        verify: On what the stages are compared.
    """

    task: AnyTask = Field(default_factory=lambda: TaskSection.of("jets"))
    model: AnyModel = Field(default_factory=lambda: ModelSection.of("mlp"))
    train: TrainSection = TrainSection()
    compress: AnyCompressor
    sweep: SweepSection | None = None
    hls: AnyHls | None = None
    rtl: AnyRtl | None = None
    chip: AnyChip | None = None
    tables: TablesSection | None = None
    verify: VerifySection = VerifySection()

    def flow(self, *, folder: Path) -> Flow:
        """The stages of this flow; relative paths start at `folder`."""
        sections: dict[str, Choice] = {
            "task": self.task,
            "model": self.model,
            "compress": self.compress,
        }
        placed = {label: section.placed(folder) for label, section in sections.items()}
        portable = {label: section.portable() for label, section in sections.items()}
        files = {label: section.files(label, folder) for label, section in sections.items()}
        files["train"] = self.train.callback_files("train", folder)
        files["compress"] |= self.compress.callback_files("compress", folder)
        files["tables"] = self.tables.callback_files("tables", folder) if self.tables else {}
        chooser = compressor(self.compress, files["compress"])
        if self.sweep is not None and self.sweep.budgets and not isinstance(chooser, Hawq):
            raise ConfigError('sweep.budgets must be empty, or compress.kind "hawq"')
        if self.sweep is not None and self.compress.sparsity is not None:
            raise ConfigError(
                "sweep must be left out, or compress.sparsity: its plans have dense weights"
            )
        return Flow(
            self.name,
            self.model_copy(update=portable)._stages(files, chooser.measurement),
            seeds=self.seeds,
            settings=dump(self.model_copy(update=placed)),
            sources=_sources(files, folder),
        )

    def _stages(
        self, by_section: Mapping[str, dict[str, Path]], measurement: Measurement | None
    ) -> tuple[AnyStage, ...]:
        task, model, seeds = self.task, self.model, self.seeds
        data = by_section["task"]
        network = {**data, **by_section["model"]}
        files = {**network, **by_section["compress"]}
        choose = self.compress
        stages: list[AnyStage] = [
            Stage("data", 1, DataParameters(task=task, package=__version__), (), read_data, data),
            Stage(
                "train",
                3,
                TrainParameters(
                    task=task,
                    model=model,
                    train=self.train,
                    seeds=seeds,
                    sparsity=choose.sparsity,
                ),
                ("data",),
                train,
                {**network, **by_section["train"]},
                requires=("train",),
            ),
        ]
        needs: tuple[str, ...] = ("data", "train")
        if measurement is not None:
            measured = SensitivityParameters.of(task, model, choose, measurement, seed=seeds[0])
            stages.append(
                Stage("sensitivity", 1, measured, needs, measure, network, requires=("train",))
            )
            needs = (*needs, "sensitivity")
        chosen = CompressParameters(task=task, model=model, compress=choose, seeds=seeds)
        stages.append(Stage("compress", 3, chosen, needs, compress, files, requires=LEARNING))
        if self.sweep is not None:
            swept = SweepParameters(
                task=task, model=model, compress=choose, sweep=self.sweep, seeds=seeds[:1]
            )
            stages.append(Stage("sweep", 3, swept, needs, run_sweep, files, requires=LEARNING))
        is_measured = measurement is not None
        first = Network(self.name, task, model, choose, seeds[0], files)
        made = self._hardware(first, network, by_section["tables"], is_measured=is_measured)
        return (*stages, *made)

    def _hardware(
        self,
        first: Network,
        network: dict[str, Path],
        beside_tables: dict[str, Path],
        *,
        is_measured: bool,
    ) -> tuple[AnyStage, ...]:
        task, model, module = self.task, self.model, self.compress.module
        name = self.name.replace("-", "_")
        traced = TraceParameters(task=task, model=model, module=module, name=name)
        needs: tuple[str, ...] = ("data", "train", "compress")
        stages: list[AnyStage] = [
            Stage("trace", 2, traced, needs, trace_best, network, requires=("train",))
        ]
        hardware: tuple[str, ...] = ()
        text = self.rtl and self.rtl.text()
        if self.hls is not None or self.rtl is not None:
            made = GenerateParameters(hls=self.hls, rtl=text)
            languages = ("hls",) * (self.hls is not None) + ("rtl",) * (self.rtl is not None)
            stages.append(
                Stage("generate", 2, made, ("trace",), generate, requires=languages,
                      rehearse=partial(first.rehearse, made))
            )  # fmt: skip
            hardware = ("generate",)
        checked = VerifyParameters(
            task=task,
            model=model,
            module=module,
            hls=self.hls,
            rtl=text,
            verify=self.verify,
            seed=self.seeds[0],
        )
        needs = ("data", "train", "compress", "trace", *hardware)
        programs: tuple[str, ...] = ()
        if self.hls is not None or self.rtl is not None:
            programs = (GXX.name if self.hls is not None else SIMULATED_WITH,)
        required = ("train", "qonnx", *programs)
        stages.append(Stage("verify", 3, checked, needs, verify, network, requires=required))
        if self.rtl is not None:
            implemented = ImplementParameters(rtl=self.rtl)
            needs = ("trace", "generate")
            stages.append(Stage("implement", 1, implemented, needs, implement, requires=("rtl",)))
            hardware = (*hardware, "implement")
        if self.chip is not None:
            made_chip = ChipParameters(task=task, chip=self.chip)
            stages.append(
                Stage("chip", 1, made_chip, ("trace",), make_chip, network, requires=(GXX.name,),
                      rehearse=partial(first.rehearse_chip, made_chip))
            )  # fmt: skip
            hardware = (*hardware, "chip")
        if self.tables is not None:
            stages += self._tables(first, {**network, **beside_tables})
            hardware = (*hardware, "tables", "tables_rtl")
        shown = ReportParameters(
            name=self.name,
            task=task,
            model=model,
            module=module,
            hls=self.hls,
            epochs=self.compress.epochs,
            swept_epochs=self.sweep.epochs if self.sweep else 0,
            settings=dump(self),
            package=__version__,
        )
        learned = ("sensitivity",) if is_measured else ()
        swept = ("sweep",) if self.sweep is not None else ()
        needs = ("data", "train", *learned, "compress", *swept, "trace", *hardware, "verify")
        published = ("report.json", "report.html")
        stages.append(
            Stage("report", 4, shown, needs, make_report, network, published, requires=("plots",))
        )
        return tuple(stages)

    def _tables(self, first: Network, files: dict[str, Path]) -> tuple[AnyStage, ...]:
        """The network of tables, trained and then taken to hardware."""
        assert self.tables is not None
        task = self.task
        name = f"{self.name}-tables".replace("-", "_")
        # How the Verilog is made and implemented does not change the network.
        network = self.tables.model_copy(update={"rtl": RtlSection.of("rtl")})
        trained = TablesParameters(
            task=task, model=self.model, train=self.train, tables=network, name=name,
            seeds=self.seeds,
        )  # fmt: skip
        made = TablesRtlParameters(
            task=task,
            model=self.model,
            train=self.train,
            tables=self.tables,
            name=name,
            seeds=self.seeds,
            verify=self.verify,
        )
        return (
            Stage("tables", 1, trained, ("data", "train"), train_tables, files,
                  requires=("train",), rehearse=partial(first.rehearse_tables, trained)),
            Stage(
                "tables_rtl",
                1,
                made,
                ("data", "tables"),
                implement_tables,
                files,
                requires=("train", "rtl", SIMULATED_WITH),
            ),
        )  # fmt: skip


def _sources(by_section: Mapping[str, dict[str, Path]], folder: Path) -> dict[str, Path]:
    """The Python files that the settings name, by what they name them."""
    start = folder.resolve()
    return {
        path.relative_to(start).as_posix(): path
        for files in by_section.values()
        for path in files.values()
        if path.suffix == ".py" and path.is_relative_to(start)
    }
