from pathlib import Path

from netwright.flows.sections import HlsSection, RtlSection
from netwright.flows.stages.generate import hls_backend, rtl_backend


def test_options_of_the_flow_reach_the_backend() -> None:
    made = hls_backend(
        HlsSection.of(
            "hls", part="xc7z020", clock_mhz=250.0, io_type="io_stream", strategy="resource"
        )
    )
    assert (made.part, made.clock_mhz, made.io_type, made.strategy) == (
        "xc7z020",
        250.0,
        "io_stream",
        "resource",
    )


def test_options_of_the_verilog_reach_its_backend() -> None:
    made = rtl_backend(RtlSection.of("rtl", part="xcup", clock_mhz=250.0, adders_per_stage=3))
    assert (made.part, made.clock_mhz, made.adders_per_stage) == ("xcup", 250.0, 3)


def test_project_holds_no_path_of_the_run(tiny_run: Path) -> None:
    folder = tiny_run / "stages/07-generate"
    assert (folder / "hls/firmware/tiny_jets.cpp").exists()
    assert (folder / "rtl/tiny_jets.v").exists()
    assert not list(folder.glob("*/build"))
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tiny_run).encode() not in path.read_bytes(), path
