from pathlib import Path

import pytest

from netwright.errors import ConfigError, StaleRun
from netwright.run import Flow, Stage, StageContext, execute, plan
from tests.run.toy import Nothing, toy


def actions(folder: Path, flow: Flow, **options: str) -> dict[str, tuple[str, str]]:
    return {p.name: (p.action, p.reason) for p in plan(flow, folder, **options)}


def test_plan_of_a_missing_run_writes_nothing(tmp_path: Path) -> None:
    assert actions(tmp_path / "run", toy()) == {
        "make": ("to do", "not done yet"),
        "square": ("to do", 'after "make"'),
        "add": ("to do", 'after "square"'),
    }
    assert not (tmp_path / "run").exists()


def test_plan_of_a_finished_run_is_cached(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert set(actions(tmp_path, toy()).values()) == {("cached", "outputs are intact")}


def test_plan_names_what_changed(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    (tmp_path / "stages" / "03-add" / "sum.txt").unlink()
    assert actions(tmp_path, toy(square_version=2)) == {
        "make": ("cached", "outputs are intact"),
        "square": ("to do", "settings, inputs or version changed"),
        "add": ("to do", 'after "square"'),
    }
    assert actions(tmp_path, toy())["add"] == (
        "to do",
        "stages/03-add/sum.txt: missing or changed since it was written",
    )


def test_plan_sees_an_interrupted_stage(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        execute(toy(fail="2"), tmp_path)
    assert actions(tmp_path, toy(fail="2"))["square"] == ("to do", "interrupted; goes on")


def test_plan_forces_a_stage_and_all_after_it(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert actions(tmp_path, toy(), force_from="square") == {
        "make": ("cached", "outputs are intact"),
        "square": ("to do", "forced"),
        "add": ("to do", "forced"),
    }


def test_plan_refuses_another_schema(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 0'))
    with pytest.raises(StaleRun):
        plan(toy(), tmp_path)


def test_external_file_belongs_to_the_key(tmp_path: Path) -> None:
    table = tmp_path / "table.txt"

    def copy(context: StageContext[Nothing]) -> None:
        (context.folder / "copy.txt").write_bytes(context.inputs["table"].read_bytes())

    flow = Flow("files", (Stage("copy", 1, Nothing(), (), copy, files={"table": table}),))
    with pytest.raises(ConfigError) as caught:
        execute(flow, tmp_path / "run")
    assert str(caught.value) == (
        f'stage "copy" reads {table}, which cannot be read (No such file or directory)'
    )
    table.write_text("one")
    execute(flow, tmp_path / "run")
    assert actions(tmp_path / "run", flow)["copy"][0] == "cached"
    table.write_text("two")
    assert actions(tmp_path / "run", flow)["copy"][0] == "to do"
