from pathlib import Path

import pytest

from netwright.backends import HlsBackend, RtlBackend, SharedOptions, hls, rtl, soc
from netwright.backends.rtl.options import RtlOptions
from netwright.cli.backend import make_backend
from netwright.errors import ConfigError


def test_what_is_not_typed_is_the_default_of_the_backend() -> None:
    assert make_backend("hls", {"part": None, "io_type": None}) == hls()
    assert make_backend("rtl", {"part": None}) == rtl()


def test_options_come_from_the_command_line_a_file_and_assignments(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("max_operations = 900\nclock_mhz = 80.0\n")
    made = make_backend(
        "rtl",
        {"clock_mhz": 90.0},
        file=file,
        assignments=["reuse_factor.fc1=4", "adders_per_stage=7"],
    )
    assert isinstance(made, RtlBackend)
    assert (made.max_operations, made.clock_mhz, made.adders_per_stage) == (900, 90.0, 7)
    assert made.reuse_factor == {"fc1": 4}


def test_a_backend_of_a_python_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from netwright.backends import hls\n"
        "def mine(*, strength: int = 3):\n    return hls(reuse_factor=strength)\n"
    )
    made = make_backend(f"{path}:mine", {}, assignments=["strength=5"])
    assert isinstance(made, HlsBackend)
    assert made.reuse_factor == 5


def test_options_that_there_are_not_are_named() -> None:
    with pytest.raises(ConfigError, match="--io-type is no option of --backend rtl"):
        make_backend("rtl", {"io_type": "io_stream"})
    with pytest.raises(ConfigError, match='did you mean "weight_bits"'):
        make_backend("rtl", {}, assignments=["weight_bit=3"])


def test_options_that_are_tables_become_what_they_stand_for() -> None:
    made = make_backend("rtl", {}, assignments=["shared.lanes=4", "shared.units=1"])
    assert made == rtl(shared=SharedOptions(lanes=4, units=1))
    chip = make_backend("soc", {"clock_mhz": 40.0}, assignments=["network.reuse_factor=4"])
    assert chip == soc(clock_mhz=40.0, network=RtlOptions(reuse_factor=4))
