import json
import subprocess
import sys
from pathlib import Path

import pytest

import netwright.backends
from netwright.backends.base import MANIFEST, Target, file_digests, publish
from netwright.errors import BackendError, ConfigError, RunError
from netwright.ir import load
from tests.backends.rtl.graphs import two_layers

TOY = two_layers()


def write_one(text: str = "a"):
    def write(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "one.txt").write_text(text)

    return write


def test_public_names() -> None:
    assert netwright.backends.__all__ == [
        "CONTROL",
        "NOTHING",
        "Backend",
        "Capability",
        "ChipDesign",
        "ChipOptions",
        "CpuBackend",
        "CpuDesign",
        "Design",
        "HlsBackend",
        "HlsDesign",
        "Protection",
        "RtlBackend",
        "RtlDesign",
        "SharedDesign",
        "SharedOptions",
        "SocBackend",
        "SocDesign",
        "SocOptions",
        "StreamDesign",
        "Target",
        "arrays",
        "check_chip",
        "chip",
        "cpu",
        "encoders",
        "evaluate_shared",
        "hls",
        "map_to_cells",
        "open_design",
        "plain_outputs",
        "reuse_factors",
        "rtl",
        "soc",
        "write_axi",
    ]


def test_import_is_cheap() -> None:
    modules = "[name for name in ('hls4ml', 'torch') if name in sys.modules]"
    code = f"import sys, netwright.backends; print({modules})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_target_lists_every_fault() -> None:
    with pytest.raises(ConfigError) as caught:
        Target("", -1.0)
    assert str(caught.value) == (
        "part must be the name of a device, not empty; "
        "clock_mhz must be from 1 to 100000 megahertz, not -1.0"
    )


def test_publish_writes_files_and_manifest(tmp_path: Path) -> None:
    out = tmp_path / "new" / "design"
    files = publish(out, TOY, kind="toy", about={"more": "m"}, write=write_one())
    assert files == file_digests(out)
    assert list(files) == ["graph.npz", "sub/one.txt"]
    record = json.loads((out / MANIFEST).read_text())
    made_from = {"name": TOY.name, "digest": TOY.digest}
    assert record == {
        "schema_version": 1, "kind": "toy", "graph": made_from, "more": "m", "files": files,
    }  # fmt: skip
    assert load(out / "graph.npz") == TOY
    assert [path.name for path in out.parent.iterdir()] == ["design"]


def test_publish_leaves_an_equal_design_alone(tmp_path: Path) -> None:
    out = tmp_path / "design"
    publish(out, TOY, kind="toy", about={}, write=write_one())
    (out / "build").mkdir()
    (out / "build" / "product").touch()
    publish(out, TOY, kind="toy", about={}, write=write_one())
    assert (out / "build" / "product").exists()


def test_publish_replaces_a_changed_design(tmp_path: Path) -> None:
    out = tmp_path / "design"
    publish(out, TOY, kind="toy", about={}, write=write_one())
    (out / "build").mkdir()
    publish(out, TOY, kind="toy", about={}, write=write_one("b"))
    assert (out / "sub" / "one.txt").read_text() == "b"
    assert not (out / "build").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["design"]


def test_publish_repairs_a_damaged_design(tmp_path: Path) -> None:
    out = tmp_path / "design"
    publish(out, TOY, kind="toy", about={}, write=write_one())
    (out / "sub" / "one.txt").write_text("damaged")
    publish(out, TOY, kind="toy", about={}, write=write_one())
    assert (out / "sub" / "one.txt").read_text() == "a"


def test_publish_refuses_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError) as caught:
        publish(tmp_path, TOY, kind="toy", about={}, write=write_one())
    assert str(caught.value) == (
        f"{tmp_path}: exists and was not made by netwright; it is left alone\n"
        'hint: choose a folder that does not exist, is empty, or holds a "toy" design'
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_publish_says_that_a_manifest_is_damaged(tmp_path: Path) -> None:
    out = tmp_path / "design"
    publish(out, TOY, kind="toy", about={}, write=write_one())
    text = (out / "netwright.json").read_text()
    (out / "netwright.json").write_text(text[: len(text) // 2])
    with pytest.raises(
        RunError, match=r"its netwright\.json is damaged.*\nhint: delete the folder"
    ):
        publish(out, TOY, kind="toy", about={}, write=write_one())


def test_publish_refuses_a_design_of_another_kind(tmp_path: Path) -> None:
    publish(tmp_path / "design", TOY, kind="other", about={}, write=write_one())
    with pytest.raises(RunError, match='exists and holds a design of kind "other"'):
        publish(tmp_path / "design", TOY, kind="toy", about={}, write=write_one())


def test_publish_accepts_an_empty_folder(tmp_path: Path) -> None:
    out = tmp_path / "design"
    out.mkdir()
    assert publish(out, TOY, kind="toy", about={}, write=write_one()) == file_digests(out)


def test_publish_never_leaves_half_a_design(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write_one("b")(folder)
        raise BackendError("broken")

    out = tmp_path / "design"
    publish(out, TOY, kind="toy", about={}, write=write_one())
    with pytest.raises(BackendError):
        publish(out, TOY, kind="toy", about={}, write=fail)
    assert (out / "sub" / "one.txt").read_text() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["design"]


def test_publish_to_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"design: cannot be written \(Not a directory\)"):
        publish(tmp_path / "file" / "design", TOY, kind="toy", about={}, write=write_one())
