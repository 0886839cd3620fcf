import stat
from pathlib import Path
from typing import Any

import pytest

from netwright.backends import rtl
from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.implement import asic
from netwright.backends.rtl.implement.asic import LIBRARIES, Library, _size, _timing
from netwright.backends.tools import Tool
from netwright.errors import BackendError, ConfigError, ToolFailed, ToolMissing
from tests.backends.rtl.graphs import few_cells, needs_yosys

PRINTED = """\
             3.8759   slack (MET)

Total                7.781719e-04 1.417213e-04 8.740412e-05 1.007297e-03 100.0%
                            77.3%        14.1%         8.7%
"""


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> RtlDesign:
    backend = rtl(clock_mhz=100.0)
    return backend.generate(few_cells(), tmp_path_factory.mktemp("asic") / "out")


def needs_library(name: str) -> Any:
    try:
        found = LIBRARIES[name].liberty.exists()
    except ToolMissing:
        found = False
    return pytest.mark.skipif(not found, reason=f"needs the library {name}")


@needs_yosys
@needs_library("osu018")
@pytest.mark.tool("sta")
def test_a_small_design(design: RtlDesign) -> None:
    figures = design.asic()
    assert figures.cells.value > 50
    assert (figures.area.unit, figures.delay.unit, figures.power.unit) == ("µm²", "ns", "mW")
    assert figures.area.value > 24.0 * figures.cells.value / 3  # a NAND2 has 24 µm²
    assert figures.fmax.value == pytest.approx(1000.0 / figures.delay.value)
    assert 0 < figures.leakage.value < figures.power.value
    assert figures.power.source.endswith("no wires, activity 0.1, 100 MHz")
    assert {f.fidelity for f in (figures.area, figures.delay, figures.power)} == {"modelled"}
    again = design.asic(progress=lambda *step: pytest.fail(f"was made again: {step}"))
    assert again == figures
    busier = design.asic(activity=0.2)
    assert busier.area == figures.area
    assert figures.power.value < busier.power.value <= 2 * figures.power.value


@pytest.mark.slow
@needs_yosys
@needs_library("nangate45")
@pytest.mark.tool("sta")
def test_on_45_nanometers(design: RtlDesign) -> None:
    small, large = design.asic(library="nangate45"), design.asic()
    assert small.area.value < large.area.value / 10
    assert small.delay.value < large.delay.value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"library": "sky130"}, 'library must be "osu018" or "nangate45", not \'sky130\''),
        ({"activity": 0.0}, "activity must be above 0 and at most 1, not 0.0"),
        ({"activity": float("nan")}, "activity must be above 0 and at most 1, not nan"),
    ],
)
def test_options_that_are_not_accepted(
    design: RtlDesign, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        design.asic(**options)
    assert str(caught.value) == message


def test_a_library_that_is_missing(design: RtlDesign, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("/nowhere", "no_such_package"):
        library = Library("about", folder, "a/b.lib", "install it")
        monkeypatch.setattr(asic, "LIBRARIES", {"osu018": library})
        with pytest.raises(ToolMissing) as caught:
            design.asic()
        assert str(caught.value) == (
            'external tool "library a/b.lib" was not found\nhint: install it'
        )


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a script into the place of OpenSTA, and an empty library into the table."""
    (tmp_path / "cells.lib").write_text("library(cells) {}")
    library = Library("cells", str(tmp_path), "cells.lib", "")
    monkeypatch.setattr(asic, "LIBRARIES", {"osu018": library})
    monkeypatch.setattr(asic, "run_script", lambda *args, **options: 1.0)
    monkeypatch.setattr(asic, "_size", lambda report: (10, 100.0))

    def install(text: str) -> None:
        path = tmp_path / "mock.sh"
        path.write_text(f'#!/bin/sh\ntest "$1" = -version && echo 2.0 && exit\n{text}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(asic, "OPENSTA", Tool("OpenSTA", str(path), ("-version",), ""))

    return install


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("echo 'Error: out.v, line 3'", BackendError, "could not read the design: Error: out.v"),
        ("echo something else", BackendError, "is not what this version knows of its reports"),
        ("echo broken; exit 3", ToolFailed, "OpenSTA ended with exit code 3"),
    ],
)
def test_a_tool_that_fails(
    tmp_path: Path, mock: Any, script: str, kind: type[Exception], message: str
) -> None:
    design = rtl().generate(few_cells(), tmp_path / "out")
    design.build_folder.mkdir()
    (design.build_folder / "asic-osu018.v").touch()
    mock(script)
    with pytest.raises(kind, match=message):
        design.asic()
    names = sorted(path.name for path in design.build_folder.iterdir())
    assert names == [".lock", "asic-osu018-timing.log", "asic-osu018.v"]


def test_what_is_printed_is_read() -> None:
    assert _timing(PRINTED, 5.0) == (pytest.approx(1.1241), 1.007297e-03, 8.740412e-05)
    for text in ("", PRINTED.replace("1.007297e-03", "nan"), PRINTED.replace("slack", "luck")):
        with pytest.raises(BackendError):
            _timing(text, 5.0)


@pytest.mark.parametrize("text", ["", "{}", '{"design": {"num_cells": 0, "area": 1.0}}'])
def test_a_report_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(BackendError) as caught:
        _size(path)
    assert caught.value.message == "report.json: is not a report of areas that can be read"
