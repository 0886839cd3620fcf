"""A study as a storage of Optuna, so that its dashboard and its tools open the result."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.errors import ConfigError, RunError, require
from netwright.explore.parameter import Choice, Parameter, Value
from netwright.explore.proposers.sampled import WORST, distribution, quiet
from netwright.explore.study import Study
from netwright.explore.trial import Trial
from netwright.files import check_replaceable, sync, workspace, writing

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_STATES = {"complete": "COMPLETE", "stopped": "PRUNED", "pruned": "PRUNED", "failed": "FAIL"}


def to_optuna(study: Study, path: str | Path) -> None:
    """Write a study as an SQLite storage; it appears whole or not at all.

    Goals keep their direction. What has no place in Optuna is among the attributes of each trial:
    all values, the margins of constraints, the reason of a failure, the seconds.

    Args:
        study: The study.
        path: The file, such as ``edge.db``; an older one of this study is replaced.

    Raises:
        ConfigError: The path is no file name, or a file that is something else is there.
        MissingExtra: Optuna is not installed.
        RunError: The file cannot be written.
    """
    optuna = require("optuna", extra="explore", purpose="a storage of Optuna")
    path = Path(path)
    if path.is_dir() or not path.name:
        raise ConfigError(f"--optuna {path}: must be a file such as edge.db, not a folder")
    if path.exists() and path.stat().st_size and _names(path) != [study.identity.name]:
        raise ConfigError(
            f"--optuna {path}: is no earlier export of this study, and is not replaced",
            hint="choose the name of a file that does not exist",
        )
    with (
        quiet(optuna), writing(path), workspace(path.parent) as folder, _answering(optuna, path)
    ):  # fmt: skip
        made = folder / "study.db"
        storage = _storage(optuna, made)
        try:
            written = optuna.create_study(
                storage=storage,
                study_name=study.identity.name,
                directions=[goal.direction for goal in study.space.goals],
            )
            written.set_metric_names([goal.value for goal in study.space.goals])
            written.set_user_attr("proposer", study.identity.proposer)
            written.add_trials([_exported(optuna, trial, study) for trial in study.trials])
        finally:
            storage.engine.dispose()
        sync(made)
        check_replaceable(path)
        os.replace(made, path)


@contextmanager
def _answering(optuna: Any, path: Path) -> Iterator[None]:
    """Turn what a database refuses, such as a full disk, into an error that names the file."""
    sqlalchemy = require("sqlalchemy", extra="explore", purpose="a storage of Optuna")
    try:
        yield
    except (sqlalchemy.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        raise RunError(
            f"{path}: cannot be written ({str(cause).splitlines()[0]})",
            hint="choose a folder that exists, is writable and has free space",
        ) from error


def _names(path: Path) -> list[str]:
    """The studies in a storage of Optuna; none in any other file."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as storage:
            return [str(name) for (name,) in storage.execute("SELECT study_name FROM studies")]
    except sqlite3.Error:
        return []


def _storage(optuna: Any, path: Path) -> Any:
    """A storage that is fast because it is brought to the disk once, at the end."""

    def connect() -> sqlite3.Connection:  # an address could not hold every path
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


def _exported(optuna: Any, trial: Trial, study: Study) -> FrozenTrial:
    space = study.space
    state = getattr(optuna.trial.TrialState, _STATES[trial.state])
    active = [p for p in space.parameters if p.name in trial.parameters]
    attributes: dict[str, Any] = {
        "seconds": trial.seconds, "state": trial.state, "values": dict(trial.values),
        "margins": dict(trial.margins),
    }  # fmt: skip
    attributes |= {"reason": trial.reason} if trial.reason else {}
    attributes |= {"same_as": trial.same_as} if trial.same_as else {}
    margins = [trial.margins.get(c.title, -WORST) for c in space.constraints]
    return optuna.trial.create_trial(
        state=state,
        values=[trial.values[goal.value] for goal in space.goals] if state.name == "COMPLETE"
        else None,
        params={p.name: _shown(p, trial.parameters[p.name]) for p in active},
        distributions={p.name: _exported_distribution(optuna, p) for p in active},
        user_attrs=attributes,
        system_attrs={"constraints": [-margin for margin in margins]} if margins else {},
    )  # fmt: skip


def _exported_distribution(optuna: Any, parameter: Parameter) -> Any:
    """Choices by what they are, not by their place: people look at them."""
    if not isinstance(parameter, Choice):
        return distribution(parameter)
    values = [_shown(parameter, value) for value in parameter.values]
    return optuna.distributions.CategoricalDistribution(values)


def _shown(parameter: Parameter, value: Value) -> Value:
    return " x ".join(map(str, value)) if isinstance(value, tuple) else value
