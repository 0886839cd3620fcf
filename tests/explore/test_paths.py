from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.explore.paths import changed

TABLES = {
    "train": {"epochs": 3, "sizes": [1, 2, 3]},
    "nodes": [
        {"name": "dram", "bandwidth": {"value": 8e9, "unit": "B/s", "source": "a table"}},
        {"name": "grid", "fanout": [4, 4]},
    ],
}


def test_values_are_set_in_a_copy():
    settings = {
        "train.epochs": 5, "train.rate": 0.1, "train.sizes[1]": 7, "nodes.grid.fanout": (2, 8),
        "nodes.dram.bandwidth": "4 GB/s",
    }  # fmt: skip
    found = changed(TABLES, settings, source="file")
    assert found["train"] == {"epochs": 5, "sizes": [1, 7, 3], "rate": 0.1}
    assert found["nodes"][1]["fanout"] == [2, 8]
    assert found["nodes"][0]["bandwidth"] == {
        "value": 4.0, "unit": "GB/s", "source": "chosen by the search", "fidelity": "assumed",
    }  # fmt: skip
    assert TABLES["train"] == {"epochs": 3, "sizes": [1, 2, 3]}
    number = changed(TABLES, {"nodes.dram.bandwidth": 2e9}, source="file")
    assert number["nodes"][0]["bandwidth"]["value"] == 2e9
    assert number["nodes"][0]["bandwidth"]["unit"] == "B/s"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trian.epochs", 1, 'the file has no "trian"; did you mean "train"?'),
        ("nodes.gird.fanout", 1, 'nodes has no entry "gird"; did you mean "grid"?'),
        ("nodes.far.fanout", 1, 'nodes has no entry "far"; there are dram, grid'),
        ("nodes.grid.fanout[2]", 1, "nodes[1].fanout has 2 entries, none with the index 2"),
        ("train.epochs.more", 1, 'train.epochs is 3, in which there is no "more"'),
        ("nodes.dram.bandwidth", "fast", 'must be a number, or text with a unit, not "fast"'),
        ("train..epochs", 1, "is no dotted path such as train.epochs"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path, value, message):
    with pytest.raises(ConfigError) as caught:
        changed(TABLES, {path: value}, source="file.toml")
    assert caught.value.message == f"file.toml: {path}: {message}" or message in str(caught.value)


def test_all_of_them_are_named():
    with pytest.raises(ConfigError, match=r"a\.b: .*; c\.d: "):
        changed(TABLES, {"a.b": 1, "c.d": 2}, source="file")
