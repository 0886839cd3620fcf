from __future__ import annotations

import pytest

from netwright import mapping
from netwright.errors import ConfigError
from netwright.mapping import Keep, Loop
from netwright.workload import cascade

TEXT = """
schema_version = 1
[bindings]
B = "other"
[[groups]]
name = "both"
einsums = ["A", "B"]
loops = [{ rank = "p", tile = 4 }, { rank = "p", tile = 1, array = "grid", axis = 1 }]
phases = [{ unit = ["A"], other = ["B"] }]
keeps = [{ memory = "buffer", tensor = "X", position = 1 }]
lags = { B = 1 }
"""


def test_mapping_is_read(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(TEXT)
    found = mapping.load(path)
    (group,) = found.groups
    assert found.order == ("A", "B")
    assert found.bindings == {"A": "unit", "B": "other"}
    assert group.loops == (Loop("p", 4), Loop("p", 1, "grid", 1))
    assert group.keeps == (Keep("buffer", "X", 1),)
    assert group.phases[0].steps == {"unit": ("A",), "other": ("B",)}
    assert group.lags == {"B": 1}


def test_all_faults_are_told_with_their_place(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(TEXT.replace("tile = 4", "tile = 0").replace("lags", "laggs"))
    with pytest.raises(ConfigError) as caught:
        mapping.load(path)
    assert str(caught.value) == (
        f"{path}: 2 settings are not accepted\n"
        "  groups[0].loops[0].tile: should be greater than or equal to 1\n"
        '  groups[0].laggs: is not known; did you mean "lags"?'
    )


def test_one_fault_and_no_toml(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text("order = 3\n")
    with pytest.raises(ConfigError, match="order: "):
        mapping.load(path)
    path.write_text("=")
    with pytest.raises(ConfigError, match="TOML"):
        mapping.load(path)
    with pytest.raises(ConfigError):
        mapping.load(tmp_path / "none.toml")


def test_tiles_may_be_chosen_and_are_not_larger_than_ranks(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(TEXT.replace('["A", "B"]', '["QK", "AV"]'))
    workload = cascade.find("attention_1pass", extents={"p": 3})
    (group,) = mapping.retiled(mapping.load(path), workload, {"both": {1: 2}}).groups
    assert group.loops == (Loop("p", 3), Loop("p", 2, "grid", 1))
