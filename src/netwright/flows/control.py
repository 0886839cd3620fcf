"""The control flow: train a policy, then take it to hardware as any network, and close the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Self

from pydantic import Field, model_validator

from netwright import __version__
from netwright.backends.tools import RISCV_GCC, SIMULATED_WITH, VERILATOR
from netwright.flows.flow import FlowSettings
from netwright.flows.rehearsal import rehearse
from netwright.flows.sections import (
    AnyCompressor,
    AnyHls,
    AnyRtl,
    AnySoc,
    ModelSection,
    TaskSection,
    VerifySection,
)
from netwright.flows.stages.closed_loop import LoopParameters, close_loops
from netwright.flows.stages.common import load_task
from netwright.flows.stages.compress import CompressParameters, compress, compressor
from netwright.flows.stages.control_report import ControlReportParameters, make_control_report
from netwright.flows.stages.data import DataParameters, read_data
from netwright.flows.stages.generate import GenerateParameters, generate
from netwright.flows.stages.implement import ImplementParameters, implement
from netwright.flows.stages.reinforce import (
    ACTION,
    OBSERVATION,
    ROLLOUTS,
    SPLIT,
    AnyEnvironment,
    EnvironmentSection,
    ReinforceParameters,
    ReinforceSettings,
    RolloutParameters,
    load_environment,
    reinforce_policies,
    roll_out,
    write_decisions,
)
from netwright.flows.stages.sensitivity import SensitivityParameters, measure
from netwright.flows.stages.trace import TraceParameters, trace_best
from netwright.flows.stages.verify import VerifyParameters, verify
from netwright.flows.training import Count
from netwright.run.stage import AnyStage, Flow, P, Stage, StageContext
from netwright.run.toml import dump
from netwright.settings import Settings
from netwright.train.reinforced import Reinforcement

LEAST_ROLLOUTS = 6
"""Machines from which on each of the three splits has one."""


class LoopSection(Settings):
    """On which machines the closed loop runs.

    Attributes:
        machines: How many; as many others give the rows on which the quantized policy is taught.
        seed: Of these machines.
        rollouts: Machines of which the decisions teach the quantized policy; some of them are for
            validation and for the test.
    """

    machines: Count = 200
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 5
    rollouts: Annotated[int, Field(ge=LEAST_ROLLOUTS, le=10**9)] = 600


class ControlFlow(FlowSettings):
    """From an environment to a verified controller in hardware.

    Attributes:
        environment: What is controlled.
        train: How policies are trained, one for every seed; the best one goes on.
        compress: How widths are chosen; the quantized policy is taught by the float one.
        hls: Options of C++ for high-level synthesis; none is generated if left out.
        rtl: Options of Verilog; none is generated if left out.
        soc: Options of a chip with a processor around the network, which then decides in the closed
            loop, too; none is generated if left out.
        implement: Whether the Verilog is mapped, and placed and routed if ``rtl.route`` says so.
        verify: On what the stages are compared, beside every decision of the closed loop.
        loop: On which machines the closed loop runs.
    """

    environment: AnyEnvironment = Field(default_factory=lambda: EnvironmentSection.of("beam"))
    train: ReinforceSettings = Reinforcement()
    compress: AnyCompressor
    hls: AnyHls | None = None
    rtl: AnyRtl | None = None
    soc: AnySoc | None = None
    implement: bool = False
    verify: VerifySection = VerifySection()
    loop: LoopSection = LoopSection()

    @model_validator(mode="after")
    def _implements_what_is_made(self) -> Self:
        if self.implement and self.rtl is None:
            raise ValueError("implement must be false without a section [rtl]")
        return self

    def flow(self, *, folder: Path) -> Flow:
        """The stages of this flow; relative paths start at `folder`."""
        files = self.environment.files("environment", folder)
        chosen = self.compress.files("compress", folder)
        chosen |= self.compress.callback_files("compress", folder)
        return Flow(
            self.name,
            (*self._learning(files, chosen), *self._hardware(files, chosen)),
            seeds=self.seeds,
            settings=dump(self),
            sources={path.name: path for path in files.values() if path.suffix == ".py"},
        )

    @property
    def _task(self) -> TaskSection:
        """The table of decisions, which the stage ``train`` writes."""
        return TaskSection.of(
            "table", path=Path(ROLLOUTS), target=(ACTION,), inputs=(OBSERVATION,), split=SPLIT,
            values=True, standardize=False, loss="mse", score="rmse", name="decisions",
        )  # fmt: skip

    @property
    def _model(self) -> ModelSection:
        return ModelSection.of("policy", front=self.train.front, hidden=self.train.hidden)

    def _learning(self, files: dict[str, Path], chosen: dict[str, Path]) -> tuple[AnyStage, ...]:
        task, model, kept = self._task, self._model, self.seeds[:1]
        section = self.compress
        trained = ReinforceParameters(
            environment=self.environment, train=self.train, seeds=self.seeds
        )
        rolled = RolloutParameters(
            environment=self.environment,
            train=self.train,
            seeds=self.seeds,
            machines=self.loop.rollouts,
            seed=self.loop.seed + 1,
        )
        data = DataParameters(task=task, package=__version__)
        stages: list[AnyStage] = [
            Stage("reinforce", 1, trained, (), reinforce_policies, files, requires=("train", "rl")),
            Stage("train", 1, rolled, ("reinforce",), roll_out, files, requires=("train", "rl")),
            Stage("data", 1, data, ("train",), _on_decisions(read_data)),
        ]
        needs: tuple[str, ...] = ("data", "train")
        measured = compressor(section, chosen).measurement
        if measured is not None:
            asked = SensitivityParameters.of(task, model, section, measured, seed=kept[0])
            stages.append(
                Stage("sensitivity", 1, asked, needs, _on_decisions(measure), requires=("train",))
            )
            needs = (*needs, "sensitivity")
        planned = CompressParameters(task=task, model=model, compress=section, seeds=kept)
        stages.append(
            Stage(
                "compress",
                3,
                planned,
                needs,
                _on_decisions(compress),
                chosen,
                requires=("train", "solve"),
            )
        )
        return tuple(stages)

    def _rehearse(self, written: GenerateParameters, files: dict[str, Path]) -> None:
        """Refuse what hardware refuses of any policy, on what an untrained one decides."""
        from netwright.train import new_policy

        environment = load_environment(self.environment, files)
        policy = new_policy(environment, self.train)
        with TemporaryDirectory() as place:
            table = Path(place) / ROLLOUTS
            write_decisions(table, environment, policy, LEAST_ROLLOUTS, self.loop.seed)
            task = load_task(self._task, {"task.path": table})
            name = self.name.replace("-", "_")
            folder = Path(place) / "hardware"
            rehearse(name, policy, task, self.compress, files, written, folder)

    def _hardware(self, files: dict[str, Path], chosen: dict[str, Path]) -> tuple[AnyStage, ...]:
        task, model, module = self._task, self._model, self.compress.module
        text = self.rtl and self.rtl.text()
        traced = TraceParameters(
            task=task, model=model, module=module, name=self.name.replace("-", "_")
        )
        needs: tuple[str, ...] = ("data", "train", "compress")
        stages: list[AnyStage] = [
            Stage("trace", 2, traced, needs, _on_decisions(trace_best), requires=("train",))
        ]
        made: tuple[str, ...] = ()
        made_of = {"hls": self.hls, "rtl": self.rtl, "soc": self.soc}
        languages = tuple(name for name, section in made_of.items() if section is not None)
        if languages:
            written = GenerateParameters(hls=self.hls, rtl=text, soc=self.soc)
            stages.append(
                Stage("generate", 2, written, ("trace",), generate, requires=languages,
                      rehearse=partial(self._rehearse, written, {**files, **chosen}))
            )  # fmt: skip
            made = ("generate",)
        checked = VerifyParameters(
            task=task,
            model=model,
            module=module,
            hls=self.hls,
            rtl=text,
            verify=self.verify,
            seed=self.seeds[0],
        )
        programs = (SIMULATED_WITH,) if made else ()
        needs = ("data", "train", "compress", "trace", *made)
        stages.append(
            Stage("verify", 3, checked, needs, _on_decisions(verify),
                  requires=("train", "qonnx", *programs))
        )  # fmt: skip
        closed = LoopParameters(
            environment=self.environment,
            train=self.train,
            machines=self.loop.machines,
            seed=self.loop.seed,
            network_seed=self.seeds[0],
            rtl=self.rtl is not None,
            soc=self.soc is not None,
        )
        if self.soc is not None:
            programs = (*programs, VERILATOR.name, RISCV_GCC.name)
        stages.append(
            Stage("loop", 2, closed, ("train", "trace", *made), close_loops, files,
                  requires=("train", "rl", *programs))
        )  # fmt: skip
        if self.rtl is not None and self.implement:
            implemented = ImplementParameters(rtl=self.rtl)
            stages.append(
                Stage("implement", 1, implemented, ("trace", "generate"), implement,
                      requires=("rtl",))
            )  # fmt: skip
        shown = ControlReportParameters(
            name=self.name,
            task=task,
            model=model,
            module=module,
            hls=self.hls,
            epochs=self.compress.epochs,
            swept_epochs=0,
            settings=dump(self),
            package=__version__,
            policy_seeds=self.seeds,
        )
        before = ("reinforce", *(s.name for s in (*self._learning(files, {}), *stages)))
        needs = tuple(dict.fromkeys(before))
        published = ("report.json", "report.html")
        stages.append(
            Stage(
                "report",
                1,
                shown,
                needs,
                _on_decisions(make_control_report),
                files,
                published,
                requires=("plots",),
            )
        )
        return tuple(stages)


def _on_decisions(
    function: Callable[[StageContext[P]], None],
) -> Callable[[StageContext[P]], None]:
    """A stage that reads its task from the table that the stage ``train`` wrote."""

    def run(context: StageContext[P]) -> None:
        table = context.inputs["train"] / ROLLOUTS
        function(replace(context, inputs={**context.inputs, "task.path": table}))

    return run
