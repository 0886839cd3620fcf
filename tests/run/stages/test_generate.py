from pathlib import Path

from netwright.run.sections import GenerateSection
from netwright.run.stages.generate import backend


def test_options_of_the_flow_reach_the_backend() -> None:
    made = backend(
        GenerateSection(part="xc7z020", clock_ns=4.0, io_type="io_stream", strategy="resource")
    )
    assert (made.part, made.clock_ns, made.io_type, made.strategy) == (
        "xc7z020",
        4.0,
        "io_stream",
        "resource",
    )


def test_project_holds_no_path_of_the_run(tiny_run: Path) -> None:
    folder = tiny_run / "stages/07-generate/hls"
    assert (folder / "firmware/tiny_jets.cpp").exists()
    assert not (folder / "build").exists()
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tiny_run).encode() not in path.read_bytes(), path
