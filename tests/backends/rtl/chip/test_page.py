"""The examples of docs/reloadable.md run, and its tables hold."""

import re
import tomllib
from pathlib import Path

import pytest

from netwright.backends.rtl.backend import chip
from netwright.backends.rtl.chip.registers import FAULTS
from tests.backends.rtl.graphs import needs_verilator

PAGE = (Path(__file__).parents[4] / "docs" / "reloadable.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.tool("g++")
@needs_verilator
def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("python")), "reloadable.md", "exec"), {})
    said = capsys.readouterr().out
    assert "20 bytes of registers, 1 crossing" in said
    identical, of = re.search(r"(\d+) of (\d+) words identical", said).groups()  # type: ignore[union-attr]
    assert identical == of
    assert int(of) > 20_000


def test_the_options_are_those_of_a_chip() -> None:
    (text,) = blocks("toml")
    assert chip(**tomllib.loads(text)) == chip()


def test_every_fault_is_in_the_table() -> None:
    for fault in FAULTS:
        assert fault.name in PAGE
