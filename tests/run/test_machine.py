import numpy
import pytest

from netwright.run import machine as module
from netwright.run.machine import installed, machine


def test_machine_tells_versions_and_cores() -> None:
    found = machine()
    assert found.libraries["numpy"] == numpy.__version__
    assert found.cores >= 1
    assert found.system


def test_missing_package_has_no_version() -> None:
    assert installed("no-such-distribution") is None


def test_machine_without_cpu_information(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CPU_INFO", module.Path("/no/such/file"))
    assert module.machine().flags == ()
