import errno
import json
import os
from pathlib import Path

import pytest

from netwright.errors import ConfigError, RunError, StaleRun
from netwright.files import sha256
from netwright.run import Flow, Stage, StageContext, execute, read_manifest
from tests.run.toy import Nothing, Recorder, total, toy


def statuses(folder: Path, flow: Flow, *, force_from: str | None = None) -> dict[str, str]:
    recorder = Recorder()
    execute(flow, folder, reporter=recorder, force_from=force_from)
    return recorder.statuses()


def test_stages_run_in_order_and_leave_a_manifest(tmp_path: Path) -> None:
    recorder = Recorder()
    manifest = execute(toy(), tmp_path, reporter=recorder, arguments=("run", "toy.toml"))
    assert total(tmp_path) == 0 + 1 + 4 + 9
    assert [event for event in recorder.events if event[0] != "update"] == [
        ("begin", "make"),
        ("done", "make"),
        ("begin", "square"),
        ("done", "square"),
        ("begin", "add"),
        ("done", "add"),
    ]
    assert read_manifest(tmp_path) == manifest
    assert manifest.arguments == ("run", "toy.toml")
    assert manifest.seeds == (7,)
    assert [stage.folder for stage in manifest.stages] == [
        "stages/01-make",
        "stages/02-square",
        "stages/03-add",
    ]
    record = manifest.stages[1].record
    assert record is not None
    path = tmp_path / "stages" / "02-square" / "deep" / "squares.txt"
    assert record.outputs == {"deep/squares.txt": sha256(path)}
    assert set(record.inputs) == {"make"}
    assert (tmp_path / "flow.toml").read_text() == "count = 4\n"


def test_second_command_takes_everything_over(tmp_path: Path) -> None:
    first = execute(toy(), tmp_path)
    assert set(statuses(tmp_path, toy()).values()) == {"cached"}
    second = read_manifest(tmp_path)
    assert all(stage.cached for stage in second.stages)
    assert [s.record for s in second.stages] == [s.record for s in first.stages]
    assert second.started == first.started


def test_changed_parameter_redoes_only_what_depends_on_it(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert set(statuses(tmp_path, toy(count=5)).values()) == {"done"}
    assert total(tmp_path) == 30


def test_equal_outputs_end_the_redoing(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert statuses(tmp_path, toy(square_version=2)) == {
        "make": "cached",
        "square": "done",
        "add": "cached",
    }


def test_forced_stages_are_done_again(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert statuses(tmp_path, toy(), force_from="square") == {
        "make": "cached",
        "square": "done",
        "add": "done",
    }
    with pytest.raises(ConfigError, match='flow "toy" has no stage "sqare"'):
        execute(toy(), tmp_path, force_from="sqare")


@pytest.mark.parametrize("damage", ["change", "delete"])
def test_damaged_output_is_reported_and_redone(tmp_path: Path, damage: str) -> None:
    execute(toy(), tmp_path)
    path = tmp_path / "stages" / "02-square" / "deep" / "squares.txt"
    if damage == "change":
        path.write_text("0\n1\n4\n8\n")
    else:
        path.unlink()
    recorder = Recorder()
    execute(toy(), tmp_path, reporter=recorder)
    assert recorder.said == [
        "stages/02-square/deep/squares.txt: missing or changed since it was written; "
        "the stage is done again"
    ]
    assert recorder.statuses() == {"make": "cached", "square": "done", "add": "cached"}
    assert path.read_text() == "0\n1\n4\n9\n"


def test_damaged_record_is_reported_and_redone(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    (tmp_path / "stages" / "01-make" / "stage.json").write_text("{")
    recorder = Recorder()
    execute(toy(), tmp_path, reporter=recorder)
    assert recorder.said == [
        "01-make: its record is missing or damaged; the stage is done again",
    ]
    assert recorder.statuses()["make"] == "done"


def test_interrupted_stage_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        execute(toy(fail="2"), tmp_path)
    assert [stage.status for stage in read_manifest(tmp_path).stages] == [
        "done",
        "interrupted",
        "waiting",
    ]
    (scratch,) = (tmp_path / "scratch").iterdir()
    assert (scratch / "squares.txt").read_text() == "0\n1\n"
    (scratch / "squares.txt").write_text("0\n100\n")
    with pytest.raises(KeyboardInterrupt):
        execute(toy(fail="3", count=4), tmp_path)
    assert len(list((tmp_path / "scratch").iterdir())) == 2
    (scratch / "squares.txt").write_text("0\n100\n4\n9\n")
    execute(toy(fail="2"), tmp_path)
    assert total(tmp_path) == 113
    assert list((tmp_path / "scratch").iterdir()) == []


def test_failed_stage_keeps_the_ones_before(tmp_path: Path) -> None:
    def fail(context: StageContext[Nothing]) -> None:
        raise ConfigError("no")

    flow = Flow("f", (*toy().stages[:1], Stage("fail", 1, Nothing(), ("make",), fail)))
    with pytest.raises(ConfigError):
        execute(flow, tmp_path)
    assert [stage.status for stage in read_manifest(tmp_path).stages] == ["done", "failed"]
    assert statuses(tmp_path, toy())["make"] == "cached"


def test_stage_that_moves_keeps_its_outputs(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    extra = Stage("extra", 1, Nothing(), (), lambda context: None)
    longer = Flow("toy", (extra, *toy().stages))
    assert statuses(tmp_path, longer) == {
        "extra": "done",
        "make": "cached",
        "square": "cached",
        "add": "cached",
    }
    assert (tmp_path / "stages" / "04-add" / "sum.txt").exists()
    assert set(statuses(tmp_path, toy()).values()) == {"cached"}


def test_run_of_another_schema_is_refused_untouched(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    path = tmp_path / "manifest.json"
    document = json.loads(path.read_text()) | {"schema_version": 0, "netwright": "0.0.1"}
    path.write_text(json.dumps(document))
    with pytest.raises(StaleRun) as caught:
        execute(toy(), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: was written by netwright 0.0.1 in schema 0; this version has 1\n"
        "hint: make it afresh with netwright run FLOW --new, which keeps the old run under "
        "another name, or use netwright 0.0.1"
    )
    assert json.loads(path.read_text()) == document


def test_full_disk_in_a_stage_names_the_stage(tmp_path: Path) -> None:
    def fill(context: StageContext[Nothing]) -> None:
        with Path("/dev/full").open("w") as stream:
            stream.write("x")

    flow = Flow("f", (*toy().stages[:1], Stage("fill", 1, Nothing(), (), fill)))
    with pytest.raises(RunError) as caught:
        execute(flow, tmp_path)
    assert str(caught.value) == (
        'stage "fill": No space left on device\n'
        "hint: choose a folder that exists, is writable and has free space; then give the same "
        "command again, finished stages are kept"
    )
    assert statuses(tmp_path, toy())["make"] == "cached"


def test_full_disk_at_the_manifest_loses_no_finished_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(toy(), tmp_path)
    before = (tmp_path / "manifest.json").read_text()
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError) as caught:
        execute(toy(), tmp_path)
    assert caught.value.message == (
        f"{tmp_path / 'flow.toml'}: cannot be written (No space left on device)"
    )
    monkeypatch.setattr(os, "fsync", real)
    assert (tmp_path / "manifest.json").read_text() == before
    assert set(statuses(tmp_path, toy()).values()) == {"cached"}


def test_other_errors_of_a_stage_pass_through(tmp_path: Path) -> None:
    def read(context: StageContext[Nothing]) -> None:
        (context.folder / "missing").read_text()

    with pytest.raises(FileNotFoundError):
        execute(Flow("f", (Stage("read", 1, Nothing(), (), read),)), tmp_path)
