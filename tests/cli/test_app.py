import re
import subprocess
import sys
from pathlib import Path

import pytest

import netwright as package
from netwright.cli import app as module
from netwright.errors import (
    BackendError,
    ConfigError,
    DataError,
    Infeasible,
    MissingExtra,
    NetwrightError,
    ToolFailed,
    ToolMissing,
    VerificationError,
)
from tests.cli.conftest import Netwright

HEAVY = ("torch", "onnx", "qonnx", "hls4ml", "scipy", "matplotlib", "numpy")
COMMANDS = ("run", "verify", "report", "export", "study", "data", "list", "new", "doctor")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["data", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, resource\n"
        "from netwright.cli import main\n"
        f"code = main({arguments})\n"
        f"print('loaded', [m for m in {HEAVY} if m in sys.modules], code)\n"
        "print('seconds', resource.getrusage(resource.RUSAGE_SELF).ru_utime)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "loaded [] 0" in result.stdout
    seconds = re.search(r"seconds ([\d.]+)", result.stdout)
    assert seconds is not None
    assert float(seconds[1]) < 0.5


def test_help_names_every_command(netwright: Netwright) -> None:
    code, out, _ = netwright("--help")
    assert code == 0
    assert all(re.search(rf"^  {command} ", out, re.MULTILINE) for command in COMMANDS)


def test_version(netwright: Netwright) -> None:
    assert netwright("--version") == (0, f"netwright {package.__version__}\n", "")


def test_unknown_option_is_a_usage_error(netwright: Netwright) -> None:
    code, out, err = netwright("run", "--fast", "x.toml")
    assert (code, out) == (2, "")
    assert "No such option" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (MissingExtra("hls", package="hls4ml", purpose="x"), 3),
        (ToolMissing("g++", hint="x"), 3),
        (ToolFailed("g++", code=1, log_tail="x"), 4),
        (BackendError("x"), 4),
        (VerificationError("x"), 1),
        (DataError("x"), 1),
        (Infeasible("x", smallest=1.0), 1),
    ],
)
def test_exit_code_of_every_error(error: NetwrightError, code: int) -> None:
    assert module.exit_code(error) == code


WITHOUT_TORCH = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, Finder())
from netwright.cli import main
sys.exit(main(["run", sys.argv[1]]))
"""


def test_missing_package_names_its_extra(tmp_path: Path) -> None:
    flow = Path(__file__).parents[2] / "flows" / "jets-small.toml"
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(flow)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 3
    assert result.stderr.endswith(
        'error: this command needs the package "torch", which is not installed\n'
        "hint: pip install 'netwright[train]'\n"
    )


def test_package_of_no_extra_is_not_explained() -> None:
    assert module.extra_of(ModuleNotFoundError("x", name="nosuchpackage")) is None


def test_error_is_a_message_and_a_hint_without_traceback(
    netwright: Netwright, tmp_path: Path
) -> None:
    code, out, err = netwright("run", tmp_path)
    assert (code, out) == (2, "")
    assert err == f"error: {tmp_path}: is a folder, not a TOML file\n"


def test_debug_adds_the_traceback(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("--debug", "run", tmp_path)
    assert code == 2
    assert err.startswith("Traceback")
    assert err.endswith(f"error: {tmp_path}: is a folder, not a TOML file\n")
