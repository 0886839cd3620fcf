from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from netwright import registry
from netwright.backends.rtl import find_part, part_names, routed_parts, rtl
from netwright.errors import ConfigError
from netwright.report.hardware import table_inputs


def test_parts_are_names_of_the_registry() -> None:
    assert part_names() == tuple(registry.entries("parts")) == ("ecp5-85k", "ecp5-85k-dsp", "xcup")
    assert routed_parts() == ("ecp5-85k", "ecp5-85k-dsp")
    for name in part_names():
        found = find_part(name)
        assert found.name == name
        assert table_inputs(name) == found.table_inputs
    assert table_inputs("nangate45") is None


def test_another_package_brings_a_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An entry point is enough: options accept it, reports know its tables."""
    (tmp_path / "my_parts.py").write_text(
        "from dataclasses import replace\n"
        "from netwright.backends.rtl import find_part\n"
        "def small():\n"
        "    return replace(find_part('ecp5-85k'), name='ecp5-12k', table_inputs=4)\n"
        "def wrong():\n    return 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        EntryPoint("ecp5-12k", "my_parts:small", "netwright.parts"),
        EntryPoint("odd", "my_parts:wrong", "netwright.parts"),
    ]
    registry.entries.cache_clear()
    monkeypatch.setattr(
        registry, "entry_points", lambda group: EntryPoints(points).select(group=group)
    )
    try:
        assert rtl(part="ecp5-12k").part == "ecp5-12k"
        assert table_inputs("ecp5-12k") == 4
        with pytest.raises(ConfigError, match=r"must be a netwright.backends.rtl.Part, not int"):
            find_part("odd")
        with pytest.raises(ConfigError, match='"ecp5-85k-dsp" or "xcup" or "ecp5-12k"'):
            rtl(part="ecp5-13k")
    finally:
        registry.entries.cache_clear()
