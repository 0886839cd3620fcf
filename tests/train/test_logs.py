from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from netwright.errors import ConfigError, MissingExtra, RunError
from netwright.train import Callback, Checkpoint, MLflow, Moment, Recipe, TensorBoard, fit
from tests.toys import clouds

RECIPE = Recipe(epochs=2, batch_size=64)


class Interrupt(Callback):
    settings = ""

    def after_step(self, moment: Moment) -> None:
        if moment.step == 12:
            raise InterruptedError


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The figures in the event files of a folder."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is not installed",
    )
    found = accumulator.EventAccumulator(str(folder)).Reload()
    return {
        name: [(item.step, item.value) for item in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_hold_losses_and_scores(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    folder = tmp_path / "events"
    history = fit(nn.Linear(6, 3), clouds(), None, RECIPE, [TensorBoard(folder, every=4)])
    found = events(folder)
    assert [step for step, _ in found["loss/step"]] == [4, 8, 12, 16, 20]
    assert found["score/accuracy"] == [
        (10 * epoch.number, pytest.approx(epoch.score)) for epoch in history.epochs
    ]
    assert [value for _, value in found["loss/epoch"]] == pytest.approx(
        [epoch.loss for epoch in history.epochs]
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_steps_that_are_done_again_are_there_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    folder, kept = tmp_path / "events", Checkpoint(tmp_path / "a.pt")
    model = nn.Linear(6, 3)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    board = TensorBoard(folder, every=1)
    with pytest.raises(InterruptedError):
        fit(model, clouds(), None, RECIPE, [board, Interrupt()], checkpoint=kept)
    board.end(None)  # type: ignore[arg-type]
    model.load_state_dict(start)
    fit(model, clouds(), None, RECIPE, [TensorBoard(folder, every=1)], checkpoint=kept)
    assert [step for step, _ in events(folder)["loss/step"]] == list(range(1, 21))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file: event files cannot be written"):
        fit(nn.Linear(6, 3), clouds(), None, RECIPE, [TensorBoard(tmp_path / "file")])


class Client:
    """Keeps what an MLflow client is told."""

    said: list[tuple[object, ...]]

    def __init__(self, uri: str | None) -> None:
        type(self).said = [("client", uri)]

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        if name == "closed":
            raise OSError("no such place")
        return f"number of {name}"

    def create_run(self, number: str, *, run_name: str | None) -> object:
        self.said.append(("run", number, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="7"))

    def log_param(self, run: str, name: str, value: object) -> None:
        self.said.append(("param", run, name, value))

    def log_metric(self, run: str, name: str, value: float, *, step: int) -> None:
        self.said.append(("metric", run, name, value, step))

    def set_terminated(self, run: str) -> None:
        self.said.append(("end", run))


def test_a_run_of_mlflow_is_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for MLflow, whose own client was tried by hand with its file store."""
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client))
    log = MLflow("jets", run_name="first", tracking_uri="here", every=10)
    history = fit(nn.Linear(6, 3), clouds(), None, RECIPE, [log])
    said = Client.said
    assert said[:2] == [("client", "here"), ("run", "number of jets", "first")]
    assert ("param", "7", "task", "clouds") in said
    assert [item[4] for item in said if item[:3] == ("metric", "7", "loss/step")] == [10, 20]
    scores = [item[3] for item in said if item[:3] == ("metric", "7", "score/accuracy")]
    assert scores == [epoch.score for epoch in history.epochs]
    assert said[-1] == ("end", "7")
    with pytest.raises(RunError) as caught:
        fit(nn.Linear(6, 3), clouds(), None, RECIPE, [MLflow("closed")])
    assert str(caught.value) == ('experiment "closed": MLflow refuses (OSError: no such place)')


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match=r"pip install 'netwright\[mlflow\]'"):
        MLflow("jets")
    with pytest.raises(MissingExtra, match=r"pip install 'netwright\[log\]'"):
        TensorBoard("events")
    with pytest.raises(ConfigError, match="every must be 1 or more, not 0"):
        TensorBoard("events", every=0)
