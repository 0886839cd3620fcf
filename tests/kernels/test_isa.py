from __future__ import annotations

import os
import re

import pytest

from netwright.errors import ConfigError
from netwright.kernels import available_isas, isa, selected_isa


def test_native_is_there_where_it_is_required() -> None:
    required = os.environ.get("NETWRIGHT_REQUIRE_NATIVE", "") not in ("", "0")
    if not required and isa.native is None:
        pytest.skip("the compiled kernels are not installed, and nothing requires them")
    assert available_isas()[:2] == ("numpy", "scalar")


def test_paths_are_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETWRIGHT_ISA", raising=False)
    assert set(available_isas()) <= set(isa.ISAS)
    assert selected_isa() in available_isas()


def test_environment_forces_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_ISA", "numpy")
    assert selected_isa() == "numpy"


def test_unknown_path_is_refused() -> None:
    known = "numpy, scalar, avx2, avx512-vnni, avx512-vbmi, amx-int8"
    message = f'isa: must be one of {known}, not "sse9"'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}\nhint: available here: numpy"):
        isa.check_isa("sse9")


def test_path_of_another_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        @staticmethod
        def supported_isas() -> list[str]:
            return ["scalar"]

    monkeypatch.setattr(isa, "native", Old)
    monkeypatch.setenv("NETWRIGHT_ISA", "avx512-vnni")
    message = 'NETWRIGHT_ISA: this processor cannot execute "avx512-vnni"'
    expected = f"^{re.escape(message)}\nhint: available here: numpy, scalar$"
    with pytest.raises(ConfigError, match=expected):
        selected_isa()


def test_path_without_compiled_kernels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isa, "native", None)
    message = 'isa: "avx2" needs the compiled kernels, which this installation lacks'
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}\n"):
        isa.check_isa("avx2")
    monkeypatch.delenv("NETWRIGHT_ISA", raising=False)
    assert selected_isa() == "numpy"
