import subprocess
import sys

import pytest

import netwright

PUBLIC = [
    "arch",
    "backends",
    "bops",
    "compress",
    "cost",
    "exchange",
    "interpret",
    "ir",
    "mapping",
    "models",
    "passes",
    "report",
    "studies",
    "tasks",
    "trace",
    "train",
    "verify",
    "workload",
]
HEAVY = ("torch", "onnx", "hls4ml", "scipy", "matplotlib", "qonnx", "numpy", "pydantic", "rich")


def test_public_names_are_these() -> None:
    assert netwright.__all__ == PUBLIC
    assert dir(netwright) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_exists(name: str) -> None:
    assert getattr(netwright, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'netwright' has no attribute 'hawk'$"):
        _ = netwright.hawk


def test_functions_are_those_of_their_rooms() -> None:
    from netwright.compress import bops
    from netwright.ir import interpret
    from netwright.train import trace

    assert (netwright.bops, netwright.interpret, netwright.trace) == (bops, interpret, trace)


def test_import_is_cheap() -> None:
    program = f"import netwright, sys; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
