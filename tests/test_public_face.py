import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import netwright
from netwright.errors import NetwrightError

PUBLIC = [
    "arch",
    "backends",
    "bops",
    "compress",
    "cost",
    "exchange",
    "explore",
    "formats",
    "interpret",
    "ir",
    "mapping",
    "models",
    "passes",
    "report",
    "studies",
    "tasks",
    "testing",
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


def public_functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Every public function, and every public method of a public class, with its dotted name."""
    for room in netwright._ROOMS:
        module = importlib.import_module(f"netwright.{room}")
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found):
                yield f"{room}.{name}", found
            elif inspect.isclass(found):
                for method in (m for m in vars(found) if not m.startswith("_")):
                    function = getattr(found, method)
                    if inspect.isfunction(function) or inspect.ismethod(function):
                        yield f"{room}.{name}.{method}", function


def test_text_is_accepted_wherever_a_path_is() -> None:
    takes = [
        (name, parameter.name, str(parameter.annotation))
        for name, function in public_functions()
        for parameter in inspect.signature(function).parameters.values()
        if re.search(r"\bPath\b", str(parameter.annotation)) and parameter.name != "tmp_path"
    ]  # tmp_path is what pytest gives to tests
    assert len(takes) > 20
    assert [entry for entry in takes if not re.search(r"\bstr\b", entry[2])] == []


@pytest.mark.parametrize(
    "read",
    [
        netwright.arch.load,
        netwright.compress.load_plan,
        netwright.exchange.read_hgq,
        netwright.exchange.read_qonnx,
        netwright.exchange.read_workload,
        netwright.ir.load,
        netwright.report.read,
    ],
)
def test_readers_take_text(read: Callable[[str], object]) -> None:
    with pytest.raises(NetwrightError, match=r"none/such\.file"):
        read("none/such.file")
