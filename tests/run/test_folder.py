import os
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.errors import RunError
from netwright.run import execute, find_run, set_aside
from netwright.run.folder import digests, opened
from tests.run.toy import toy

HOLD = """
import sys, time
from pathlib import Path
from netwright.run.folder import opened
with opened(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that works on the run folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_second_process_is_refused_by_its_number(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(RunError) as caught:
        execute(toy(), tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: process {holder.pid} is working on this run\n"
        "hint: wait for it, end it, or use another folder"
    )


def test_lock_of_a_killed_process_is_taken_over(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    execute(toy(), tmp_path / "run")
    assert (tmp_path / "run" / ".lock").read_text() == f"{os.getpid()}\n"


def test_set_aside_refuses_a_run_at_work(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    (tmp_path / "run" / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match="is working on this run"):
        set_aside(tmp_path / "run")


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError) as caught:
        execute(toy(), tmp_path / "runs" / "toy")
    assert str(caught.value) == (
        f"{tmp_path / 'runs' / 'toy'}: cannot be written (Not a directory)\n"
        "hint: choose a folder that exists, is writable and has free space"
    )


def test_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunError) as caught:
        execute(toy(), tmp_path)
    assert caught.value.message == (
        f'{tmp_path}: is not a run folder (it holds "thesis.tex" and no manifest.json)'
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_recover_completes_a_stage_whose_record_is_written(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    stages = tmp_path / "stages"
    (stages / "01-make").rename(stages / ".tmp-01-make")
    (stages / "02-square").rename(stages / ".old-02-square")
    (tmp_path / ".netwright-0123456789abcdef.tmp").write_text("{")
    with opened(tmp_path):
        pass
    assert sorted(path.name for path in stages.iterdir()) == ["01-make", "02-square", "03-add"]
    assert not list(tmp_path.glob(".*.tmp"))


def test_recover_discards_what_has_no_record(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    (tmp_path / "stages" / ".tmp-02-square").mkdir()
    (tmp_path / "stages" / ".tmp-02-square" / "half.txt").write_text("")
    (tmp_path / "stages" / ".old-01-make").mkdir()
    with opened(tmp_path):
        pass
    assert not list((tmp_path / "stages").glob(".*"))


def test_digests_leave_out_only_the_stage_record(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "stage.json").write_text("")
    (tmp_path / "deep" / "stage.json").write_text("")
    assert set(digests(tmp_path)) == {"deep/stage.json"}


def test_set_aside_renames_by_the_time_of_the_last_change(tmp_path: Path) -> None:
    run = tmp_path / "toy"
    assert set_aside(run) is None
    execute(toy(), run)
    os.utime(run / "manifest.json", (1_000_000_000, 1_000_000_000))
    assert set_aside(run) == tmp_path / "toy-20010909-014640"
    execute(toy(), run)
    os.utime(run / "manifest.json", (1_000_000_000, 1_000_000_000))
    with pytest.raises(RunError, match="exists already"):
        set_aside(run)


def test_find_run_takes_a_path_or_a_name(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        find_run("toy", runs=tmp_path)
    assert str(caught.value) == f'"toy" is not a run folder\nhint: {tmp_path} holds no run yet'
    execute(toy(), tmp_path / "toy")
    assert find_run("toy", runs=tmp_path) == tmp_path / "toy"
    assert find_run(str(tmp_path / "toy")) == tmp_path / "toy"
    with pytest.raises(RunError, match=rf"runs in {tmp_path}: toy$"):
        find_run("jets", runs=tmp_path)
