"""``netwright explore``: the best of many machines, flows or mappings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from netwright.cli.completion import names_of
from netwright.cli.console import columns, complain, emit, emit_json, note, paced, typed_folder
from netwright.cli.figures import whole
from netwright.cli.run import JsonOption
from netwright.escape import visible

if TYPE_CHECKING:
    from netwright.explore import Executor, Study, Trial

FOLDER = Path("searches")
"""Where studies are, each in a folder of its name."""

MOST_ROWS = 20
"""Trials that a table shows."""

DEFAULT = "run"


class _Commands(TyperGroup):
    """A group whose first command need not be named: ``explore FILE`` is ``explore run FILE``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the default command before a space file or its options."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    help="Search machines, flows and mappings within a space.",
    rich_markup_mode=None,
)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a study.")]


@app.command(DEFAULT)
def run(
    space: Annotated[Path, typer.Argument(metavar="SPACE", help="A space file (.toml).")],
    trials: Annotated[
        int | None,
        typer.Option("--trials", parser=whole(least=1, most=10_000_000), metavar="N",
                     help="How many trials; those of the file if not given."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", parser=whole(least=1, most=4096), metavar="N",
                     help="Processes; the cores that are free if not given."),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Evaluate on a Ray cluster.")] = False,
    address: Annotated[
        str,
        typer.Option("--address", help="Address of a running Ray cluster; else one is started."),
    ] = "",
    here: Annotated[
        bool, typer.Option("--here", help="Evaluate in this process: right for milliseconds.")
    ] = False,
    proposer: Annotated[
        str | None,
        typer.Option("--proposer", autocompletion=names_of("proposers"),
                     help="Another proposer than the file's."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", parser=whole(least=0, most=2**31 - 1), metavar="N",
                     help="Another seed than the file's."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="Folder of the study; else searches/NAME."
        ),
    ] = None,
    reuse: Annotated[
        list[Path] | None,
        typer.Option("--reuse", help="A study whose values are taken over; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Search a space; the same command goes on after any interruption.

    Every finished trial is on the disk at once. Exit code 1 if no trial meets all constraints.
    """
    from netwright.explore import space_file

    loaded = space_file.load(space, proposer=proposer, seed=seed)
    place = FOLDER / loaded.search.name if folder is None else typed_folder(folder)
    found = loaded.search.run(
        trials=loaded.trials if trials is None else trials,
        folder=place,
        executor=_executor(here=here, ray=ray or bool(address), workers=workers, address=address),
        reuse=reuse or (),
        progress=paced("trials,", at_once=True),
    )
    _show(found, place, as_json=as_json)
    if found.best is None:
        _complain_unmet(found)
        raise typer.Exit(1)


@app.command("status")
def status(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Say how far a study is, also while it is searched, and what is best so far."""
    from netwright.explore import open_study

    _show(open_study(folder), folder, as_json=as_json)


@app.command("report")
def report(folder: FolderArgument) -> None:
    """Draw a page: the front, parallel coordinates, importance of parameters, failures."""
    from netwright.explore import open_study
    from netwright.report.search_page import write_search

    emit(f"report: {write_search(open_study(folder), folder)}")


@app.command("export")
def export(
    folder: FolderArgument,
    optuna: Annotated[
        Path, typer.Option("--optuna", metavar="FILE", help="The SQLite file to write (.db).")
    ],
) -> None:
    """Write a study as a storage of Optuna, which its dashboard opens."""
    from netwright.explore import open_study
    from netwright.explore.export import to_optuna

    study = open_study(folder)
    to_optuna(study, optuna)
    note(f"{len(study.trials)} trials: {optuna}; optuna-dashboard sqlite:///{optuna} shows them")


def _executor(*, here: bool, ray: bool, workers: int | None, address: str) -> Executor:
    from netwright.errors import ConfigError
    from netwright.explore import Here, Pool

    if here and (ray or workers is not None):
        raise ConfigError("--here excludes --ray, --address and --workers")
    if ray:
        from netwright.explore.executors.cluster import Ray

        return Ray(workers=workers, address=address)
    return Here() if here else Pool(workers)


def _show(study: Study, folder: Path, *, as_json: bool) -> None:
    if as_json:
        emit_json(_as_dict(study))
        return
    goals = [goal.value for goal in study.space.goals]
    best = study.best
    rows = [
        ("study", f"{study.identity.name}, {folder}"),
        *([("title", visible(study.asked.title))] if study.asked and study.asked.title else []),
        ("proposer", study.identity.proposer),
        ("trials", f"{_progress(study)}: {_counts(study)}"),
        ("time of evaluations", f"{sum(trial.seconds for trial in study.trials):.1f} s"),
    ]
    if best is not None:
        values = ", ".join(f"{name} {best.values[name]:.6g}" for name in goals)
        rows.append(("best" if len(goals) == 1 else f"best {goals[0]}",
                     f"{values} (trial {best.number})"))  # fmt: skip
    emit(columns(rows))
    front = study.front
    if front:
        emit("\n" + columns(_table(study, front[:MOST_ROWS])))
        if len(front) > MOST_ROWS:
            emit(f"and {len(front) - MOST_ROWS} more on the front")
    failed = [trial for trial in study.trials if trial.state == "failed"]
    for trial in failed[:3]:
        note(f"trial {trial.number} failed: {trial.reason}")
    if len(failed) > 3:
        note(f"and {len(failed) - 3} more failed")


def _progress(study: Study) -> str:
    """How many trials are finished, of how many the last call asked for."""
    done = len(study.trials)
    return f"{done} of {study.asked.trials}" if study.asked else str(done)


def _counts(study: Study) -> str:
    from netwright.explore.trial import STATES

    feasible = sum(trial.is_feasible for trial in study.trials)
    counts = [f"{study.count(state)} {state}" for state in STATES if study.count(state)]
    same = sum(bool(trial.same_as) for trial in study.trials)
    looked_up = [f"{same} looked up"] if same else []
    return ", ".join([*counts, f"{feasible} feasible", *looked_up])


def _table(study: Study, trials: list[Trial]) -> list[tuple[str, ...]]:
    goals = [goal.value for goal in study.space.goals]
    names = list(study.space.names)
    head = ("trial", *goals, *names)
    return [head, *(
        (str(trial.number), *(_number(trial, goal) for goal in goals),
         *(_cell(trial.parameters.get(name, "")) for name in names))
        for trial in trials
    )]  # fmt: skip


def _number(trial: Trial, name: str) -> str:
    deviation = trial.values.get(f"{name}_deviation")
    text = f"{trial.values[name]:.5g}"
    return text if deviation is None else f"{text} ± {deviation:.2g}"


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _as_dict(study: Study) -> dict[str, object]:
    from dataclasses import asdict

    best = study.best
    return {
        "name": study.identity.name,
        "title": study.asked.title if study.asked else "",
        "asked": study.asked.trials if study.asked else None,
        "proposer": study.identity.proposer,
        "seed": study.identity.seed,
        "trials": [asdict(trial) for trial in study.trials],
        "best": None if best is None else best.number,
        "front": [trial.number for trial in study.front],
    }


def _complain_unmet(study: Study) -> None:
    unmet = study.unmet
    if unmet is None:
        complain("no trial is complete")
        return
    title, margin = unmet
    met = "it is met alone, but not with the others" if margin >= 0 else f"best margin {margin:.6g}"
    complain(f'no trial meets all constraints: "{title}" is broken most often ({met})')
