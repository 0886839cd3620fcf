import json
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from tests.backends.rtl.graphs import few_cells
from tests.backends.soc.chips import needs_chip, unrolled
from tests.cli.conftest import Netwright


@needs_chip
def test_a_chip_is_run_and_compared(netwright: Netwright, tmp_path: Path) -> None:
    unrolled().generate(few_cells(), tmp_path / "chip")
    np.save(tmp_path / "rows.npy", np.array([[0.1, 0.2, 0.3], [-1.0, 0.5, 0.0]]))
    code, out, _ = netwright("soc", "run", tmp_path / "chip", "--rows", tmp_path / "rows.npy")
    assert code == 0
    assert "network      2 of 2" in out
    assert "software     1 of 1" in out
    assert "the relay is" in out
    options = ("--random-rows", "3", "--software", "0", "--json")
    code, told, _ = netwright("soc", "run", tmp_path / "chip", *options)
    figures = json.loads(told)
    assert code == 0
    assert figures["identical"] == figures["rows"] == {"network": 3}
    assert set(figures["cycles"]["network"]) == {"wait", "relay", "network", "all"}


def test_rows_are_needed(netwright: Netwright, tmp_path: Path) -> None:
    unrolled().generate(few_cells(), tmp_path / "chip")
    code, _, err = netwright("soc", "run", tmp_path / "chip")
    assert code == 2
    assert "give either --rows or --random-rows" in err


@pytest.mark.parametrize("options", [("--rows", "x.csv"), ("--random-rows", "3")])
def test_another_design_is_refused(
    netwright: Netwright, tmp_path: Path, options: tuple[str, str]
) -> None:
    rtl().generate(few_cells(), tmp_path / "design")
    code, _, err = netwright("soc", "run", tmp_path / "design", *options)
    assert code == 2
    assert "holds no chip with a processor" in err


def test_a_design_of_streams_is_wrapped(netwright: Netwright, tmp_path: Path) -> None:
    rtl(reuse_factor=1).generate(few_cells(), tmp_path / "design")
    code, _, _ = netwright("soc", "axi", tmp_path / "design", "--out", tmp_path / "axi")
    assert code == 0
    assert (tmp_path / "axi" / "tiny_axi.v").is_file()
    rtl().generate(few_cells(), tmp_path / "unrolled")
    code, _, err = netwright("soc", "axi", tmp_path / "unrolled", "--out", tmp_path / "other")
    assert code == 2
    assert "holds no design of streams" in err


def test_a_chip_is_shown_and_drawn(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the picture")
    unrolled().generate(few_cells(), tmp_path / "chip")
    code, out, _ = netwright("soc", "show", tmp_path / "chip", "--picture", tmp_path / "a.svg")
    assert code == 0
    assert "0x51000000  4      event_buffer" in out
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    code, _, err = netwright("soc", "show", tmp_path / "chip", "--picture", tmp_path / "a.gif")
    assert code == 2
    assert 'must end in .svg or .png, not ".gif"' in err
