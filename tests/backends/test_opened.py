"""Designs that were generated before; what every backend opens is in ``tests/testing``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright.backends import open_design, rtl
from netwright.backends.base import GRAPH, MANIFEST
from netwright.errors import ConfigError, DataError, RunError
from netwright.ir import save
from tests.backends.rtl.graphs import images, two_layers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return rtl(adders_per_stage=4).generate(two_layers(), tmp_path / "out").root


def changed(folder: Path, **entries: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_options_are_those_of_the_design(folder: Path) -> None:
    assert open_design(folder).options.adders_per_stage == 4  # type: ignore[attr-defined]


def test_a_folder_without_a_design(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        open_design(tmp_path)
    assert str(caught.value) == f"{tmp_path}: holds no design\nhint: generate one there first"


def test_a_design_of_another_kind(folder: Path) -> None:
    changed(folder, kind="hls")
    with pytest.raises(RunError, match='holds a design of kind "hls", not "rtl"'):
        rtl().open(folder)
    changed(folder, kind="none")
    with pytest.raises(ConfigError, match='"none" is not one of the backends'):
        open_design(folder)


def test_the_graph_of_another_design(folder: Path) -> None:
    save(images(), folder / GRAPH)
    with pytest.raises(DataError, match="is not the graph of the manifest"):
        open_design(folder)


@pytest.mark.parametrize(
    "options", [{"part": "moon"}, {"adders_per_stage": "x"}, {"clock_mhz": []}]
)
def test_options_that_are_none(folder: Path, options: dict[str, object]) -> None:
    changed(folder, options=options)
    with pytest.raises(DataError, match="its options are not accepted"):
        open_design(folder)
