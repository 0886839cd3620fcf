"""A flow of toy stages that the command line can run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from netwright import registry
from netwright.cli import main
from netwright.flows.flow import FlowSettings
from netwright.run import Flow
from tests.flows.tiny import own_run, tiny_run
from tests.run.toy import toy

__all__ = ["own_run", "tiny_run"]

Netwright = Callable[..., tuple[int, str, str]]


class ToyFlow(FlowSettings):
    """Settings of the toy flow."""

    count: int = 4
    fail: str = ""

    def flow(self, *, folder: Path) -> Flow:
        return toy(count=self.count, fail=self.fail)


@pytest.fixture
def netwright(capsys: pytest.CaptureFixture[str]) -> Netwright:
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def toy_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A flow file of the kind "toy"; the working folder is the test's own."""
    points = EntryPoints([EntryPoint("toy", f"{__name__}:ToyFlow", "netwright.flows")])
    registry.entries.cache_clear()
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toy.toml"
    path.write_text('schema_version = 1\nname = "toy"\nkind = "toy"\n')
    yield path
    registry.entries.cache_clear()
