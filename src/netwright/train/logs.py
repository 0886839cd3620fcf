"""Trainings on record: event files of TensorBoard, and runs of MLflow. Off unless asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netwright.errors import ConfigError, NetwrightError, RunError, require
from netwright.train.callbacks import Callback, Moment


class _Log(Callback):
    """What all records have in common: which figures are told, and when."""

    def __init__(self, every: int) -> None:
        if every < 1:
            raise ConfigError(f"every must be 1 or more, not {every}")
        self.every = every

    @property
    def settings(self) -> str:
        """Empty: a record does nothing to the model."""
        return ""

    def after_step(self, moment: Moment) -> None:
        """Tell the loss and the learning rate, at times."""
        if moment.step % self.every == 0:
            self.tell(
                {"loss/step": moment.loss, "learning rate": moment.learning_rate}, moment.step
            )

    def after_epoch(self, moment: Moment) -> None:
        """Tell the mean loss and the score of the epoch."""
        epoch, score = moment.history[-1], moment.task.score
        self.tell({"loss/epoch": epoch.loss, f"score/{score.name}": epoch.score}, moment.step)

    def tell(self, figures: dict[str, float], step: int) -> None:
        """Put figures on record."""
        raise NotImplementedError


class TensorBoard(_Log):
    """Writes event files: ``tensorboard --logdir FOLDER`` shows them.

    A training that goes on from a checkpoint adds a file to the folder, which takes the place of
    the steps that are done again.

    Args:
        folder: Where the files are; one folder a training.
        every: Steps between two losses on record; the score is there for every epoch.

    Raises:
        ConfigError: `every` is less than 1.
        MissingExtra: TensorBoard is not installed.
    """

    def __init__(self, folder: Path | str, *, every: int = 10) -> None:
        super().__init__(every)
        require("tensorboard", extra="log", purpose="writing event files")
        self.folder = Path(folder)
        self._writer: Any = None

    def for_seed(self, seed: int) -> TensorBoard:
        """One that writes into a folder of the seed."""
        return TensorBoard(self.folder / f"seed-{seed}", every=self.every)

    def begin(self, moment: Moment) -> None:
        """Begin a new file with the first figures."""
        self._writer = None

    def end(self, moment: Moment) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def tell(self, figures: dict[str, float], step: int) -> None:
        """Write figures, so that they can be seen at once after an epoch.

        Raises:
            RunError: The folder cannot be written.
        """
        try:
            if self._writer is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what TensorBoard says of its own imports
                    from torch.utils.tensorboard import SummaryWriter
                self._writer = SummaryWriter(str(self.folder), purge_step=step)
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)
            if "loss/epoch" in figures:
                self._writer.flush()
        except OSError as error:
            raise RunError(
                f"{self.folder}: event files cannot be written ({error.strerror or error})"
            ) from error


class MLflow(_Log):
    """Tells a run of MLflow the figures of a training.

    A training that goes on from a checkpoint is another run. One that is interrupted stays open.

    Args:
        experiment: Name of the experiment; it is made if there is none.
        run_name: Name of the run; MLflow invents one if not given.
        tracking_uri: Where MLflow keeps runs; what its environment says if not given.
        every: Steps between two losses on record; the score is there for every epoch.

    Raises:
        ConfigError: `every` is less than 1.
        MissingExtra: MLflow is not installed.
    """

    def __init__(
        self,
        experiment: str,
        *,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        every: int = 10,
    ) -> None:
        super().__init__(every)
        self._library = require("mlflow", extra="mlflow", purpose="telling MLflow of a training")
        self.experiment, self.run_name, self.tracking_uri = experiment, run_name, tracking_uri
        self._client: Any = None
        self._run = ""

    def for_seed(self, seed: int) -> MLflow:
        """One whose run has the seed in its name."""
        name = f"{self.run_name}-seed-{seed}" if self.run_name else f"seed-{seed}"
        return MLflow(
            self.experiment, run_name=name, tracking_uri=self.tracking_uri, every=self.every
        )

    def __getstate__(self) -> dict[str, object]:
        """Leave out what no other process can use."""
        return {**vars(self), "_library": None, "_client": None}

    def begin(self, moment: Moment) -> None:
        """Begin a run, and tell it what is trained."""
        library = require("mlflow", extra="mlflow", purpose="telling MLflow of a training")
        self._client = self._tried(lambda: library.MlflowClient(self.tracking_uri))
        self._run = self._tried(self._begin)
        told = {
            "model": type(moment.model).__name__,
            "task": moment.task.name,
            "epochs": moment.epochs,
            "steps": moment.steps,
        }
        for name, value in told.items():
            self._tried(lambda n=name, v=value: self._client.log_param(self._run, n, v))  # type: ignore[misc]

    def _begin(self) -> str:
        known = self._client.get_experiment_by_name(self.experiment)
        number = known.experiment_id if known else self._client.create_experiment(self.experiment)
        run_id: str = self._client.create_run(number, run_name=self.run_name).info.run_id
        return run_id

    def tell(self, figures: dict[str, float], step: int) -> None:
        """Tell the run figures."""
        for name, value in figures.items():
            self._tried(lambda n=name, v=value: self._client.log_metric(self._run, n, v, step=step))  # type: ignore[misc]

    def end(self, moment: Moment) -> None:
        """End the run."""
        self._tried(lambda: self._client.set_terminated(self._run))

    def _tried(self, call: Callable[[], Any]) -> Any:
        """What a call to MLflow returns; whatever it raises becomes an error of ours."""
        try:
            return call()
        except NetwrightError:
            raise
        except Exception as error:  # those of MLflow and of what it keeps runs with
            raise RunError(
                f'experiment "{self.experiment}": MLflow refuses ({type(error).__name__}: {error})'
            ) from error
