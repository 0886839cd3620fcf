"""What a flow makes of a chip; the whole stage runs in ``test_reconstruction``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.backends import ChipDesign
from netwright.backends.rtl.chip import Reload
from netwright.errors import ConfigError, DataError
from netwright.flows.flow import load_flow
from netwright.flows.sections import ChipSection, TaskSection
from netwright.flows.stages import chip as stage
from netwright.tasks.calorimeter import wafers
from tests.backends.rtl.chip.graphs import dense
from tests.flows.tiny import FLOW, write_flow


def entering(task: TaskSection) -> tuple[Any, Any]:
    return stage._entering(stage.ChipParameters(task=task, chip=ChipSection.of("chip")), {})


def test_charges_of_the_test_split_enter_where_the_layout_has_their_cells() -> None:
    charges, arrangement = entering(TaskSection.of("calorimeter", layout="8x8", seed=7))
    assert np.array_equal(charges, wafers(seed=7)["test"].charges)
    assert isinstance(arrangement, tuple)
    assert arrangement[:8] == (28, 29, 30, 31, 0, 4, 8, 12)
    assert sorted(set(arrangement)) == [-1, *range(48)]
    section = ChipSection.of("chip", latent_bits=(9,))
    chip = stage.chip_backend(section, arrangement).chip
    assert chip is not None
    assert (chip.arrangement, chip.latent_bits) == (arrangement, (9,))
    given = ChipSection.of("chip", arrangement=(1, 0))
    made = stage.chip_backend(given, arrangement).chip
    assert made is not None
    assert made.arrangement == (1, 0)


def test_other_tasks_have_no_charges() -> None:
    assert entering(TaskSection.of("jets")) == (None, None)


def test_a_reload_is_shown_around_its_commit(tmp_path: Path) -> None:
    design = stage.chip_backend(ChipSection.of("chip"), None).generate(dense(), tmp_path / "out")
    assert isinstance(design, ChipDesign)
    clocks = np.arange(400)
    header = (clocks >= 150) * 4 + (clocks % 16) * 64
    words = np.stack([header, clocks], axis=1).astype(np.uint32)
    line = (clocks // 8 % 2).astype(np.uint8)
    views = stage.chip_views(design, Reload(line, line, words, 60, 120, 150), 1234)
    assert f"{design.bank.size} bytes of registers" in views.caption
    assert "1234 words" in views.caption
    whole, near = views.waves
    assert (whole.first, len(whole.lines["SCL"])) == (20, 330)
    assert whole.marks.keys() == {120, 150}
    assert (
        near.words["weights"] == ("generation 0",) * stage.AROUND + ("generation 1",) * stage.AROUND
    )
    assert near.words["crossing"][stage.AROUND] == str(150 % 16)
    assert near.words["link 1"][0] == f"{150 - stage.AROUND:08x}"
    (tmp_path / stage.VIEWS).write_text(views.model_dump_json())
    assert stage.read_chip(tmp_path) == views
    (tmp_path / stage.VIEWS).write_text("{}")
    with pytest.raises(DataError, match="is no description of pictures"):
        stage.read_chip(tmp_path)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ("latent_bits = [3, 2]", "latent_bits must be 1 to 4 positive numbers"),
        ("latency_cycles = 3", "latency_cycles must be"),
        ("wafers = 0", "chip.wafers"),
        ("colour = 1", "colour"),
    ],
)
def test_options_that_no_chip_has_are_refused(tmp_path: Path, options: str, fault: str) -> None:
    text = FLOW.replace("rtl = {}", f"chip = {{ {options} }}")
    with pytest.raises(ConfigError, match=fault):
        load_flow(write_flow(tmp_path, text))
