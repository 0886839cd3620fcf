import json
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends import open_design
from netwright.backends.rtl.options import RtlOptions
from netwright.backends.soc import SocBackend, soc
from netwright.errors import ConfigError, MissingExtra
from tests.backends.rtl.graphs import few_cells


def test_defaults() -> None:
    assert soc() == SocBackend()
    assert soc().network.reuse_factor == 1


def test_the_folder_holds_chip_network_core_and_firmware(tmp_path: Path) -> None:
    design = soc().generate(few_cells(), tmp_path / "chip")
    for name in ("soc.v", "network/network.v", "core/picorv32.v", "firmware/main.c",
                 "firmware/registers.h", "registers.md", "library/spi_events.v"):  # fmt: skip
        assert name in design.files
    record = json.loads((tmp_path / "chip" / "netwright.json").read_text())
    assert record["kind"] == "soc"
    again = open_design(tmp_path / "chip")
    assert (again.graph, again.options, again.files) == (design.graph, soc(), design.files)  # type: ignore[attr-defined]


def test_memories_are_as_large_as_needed_or_as_asked(tmp_path: Path) -> None:
    small = soc().generate(few_cells(), tmp_path / "small").structure
    assert small.rom_bytes == 1 << (small.rom_bytes.bit_length() - 1)
    asked = soc(rom_bytes=12_000, ram_bytes=2048).generate(few_cells(), tmp_path / "asked")
    assert (asked.structure.rom_bytes, asked.structure.ram_bytes) == (12_000, 2048)


def test_a_factor_that_does_not_fit_leaves_no_folder(tmp_path: Path) -> None:
    backend = soc(network=RtlOptions(reuse_factor=7))
    with pytest.raises(ConfigError, match="reuse"):
        backend.generate(few_cells(), tmp_path / "chip")
    assert list(tmp_path.iterdir()) == []


def test_a_core_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netwright.backends.soc import cores

    missing = replace(cores.CORES["picorv32"], package="no_such_core")
    monkeypatch.setitem(cores.CORES, "picorv32", missing)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match='the core "picorv32" needs the package "no_such_core"'):
        soc().generate(few_cells(), tmp_path / "chip")
