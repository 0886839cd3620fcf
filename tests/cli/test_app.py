import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import netwright as package
from netwright.cli import app as module
from netwright.cli import main
from netwright.cli.console import color_wanted
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


@pytest.mark.parametrize("arguments", [("-h",), ("run", "-h"), ("arch", "show", "-h")])
def test_short_help_option_works_everywhere(netwright: Netwright, arguments: tuple[str]) -> None:
    code, out, _ = netwright(*arguments)
    assert code == 0
    assert out.startswith("Usage: netwright")
    assert "..." not in out.partition("Commands:")[2]


def test_completion_knows_the_commands() -> None:
    asked = {
        "_NETWRIGHT_COMPLETE": "complete_bash",
        "COMP_WORDS": "netwright est",
        "COMP_CWORD": "1",
    }
    result = subprocess.run(
        [sys.executable, "-m", "netwright.cli"],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout.split() == ["estimate"]


def test_quiet_leaves_errors_only(netwright: Netwright, toy_flow: Path) -> None:
    assert netwright("--quiet", "run", toy_flow) == (0, "run: runs/toy\n", "")
    code, out, err = netwright("-q", "run", "none.toml")
    assert (code, out) == (2, "")
    assert err == "error: none.toml: no such file\nhint: files in .: toy.toml\n"


def test_quiet_and_verbose_exclude_each_other(netwright: Netwright) -> None:
    code, out, err = netwright("-q", "-v", "list")
    assert (code, out) == (2, "")
    assert err == "error: --quiet and --verbose exclude each other\n"


def test_verbose_tells_what_loggers_say(netwright: Netwright) -> None:
    logger = logging.getLogger("netwright")
    try:
        assert netwright("-v", "list", "backends")[0] == 0
        assert (logger.level, len(logger.handlers)) == (logging.INFO, 1)
        assert netwright("-vv", "list", "backends")[0] == 0
        assert (logger.level, len(logger.handlers)) == (logging.DEBUG, 1)
    finally:
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)


def test_a_dumb_terminal_gets_no_color() -> None:
    assert color_wanted({"TERM": "dumb"}) is False
    assert color_wanted({"TERM": "dumb", "FORCE_COLOR": "1"}) is True
    assert color_wanted({"TERM": "xterm"}) is None


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False), ({}, False)],
)
def test_errors_are_red_where_color_is_wanted(
    netwright: Netwright,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    colored: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _, _, err = netwright("run", "none.toml")
    assert ("\x1b[31m" in err) == colored


def test_help_names_every_command(netwright: Netwright) -> None:
    code, out, _ = netwright("--help")
    assert code == 0
    assert all(re.search(rf"^  {command} ", out, re.MULTILINE) for command in COMMANDS)


def test_version(netwright: Netwright) -> None:
    assert netwright("--version") == (0, f"netwright {package.__version__}\n", "")


def test_unknown_option_is_a_usage_error(netwright: Netwright) -> None:
    code, out, err = netwright("run", "--fast", "x.toml")
    assert (code, out) == (2, "")
    assert err.startswith("error: no such option: --fast\nhint: ")
    assert err.endswith("netwright run -h tells what is accepted\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conver"], "no such command 'conver'\nhint: did you mean 'convert'?; netwright -h tells"),
        (["explore", "status"], "missing argument 'DIR'\nhint: netwright explore status -h tells"),
        (["run", "--bogus"], "no such option: --bogus\nhint: "),
        (
            ["convert", "m.onnx", "--out", "o", "--scale", "odd"],
            "invalid value for '--scale': 'odd'",
        ),
    ],
)
def test_a_command_line_is_refused_with_what_is_accepted(netwright, words, message):
    code, out, err = netwright(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert "Value error" not in err


def test_without_a_command_there_is_help(netwright: Netwright) -> None:
    code, out, err = netwright()
    assert code == 2
    assert "Commands:" in out + err


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
    assert err == f"error: {tmp_path}: is a folder, not a file\n"


def test_debug_adds_the_traceback(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("--debug", "run", tmp_path)
    assert code == 2
    assert err.startswith("Traceback")
    assert err.endswith(f"error: {tmp_path}: is a folder, not a file\n")


def test_a_path_of_bytes_that_are_no_utf8_is_refused_before_any_work(netwright: Netwright) -> None:
    code, shown, err = netwright("convert", "m\udcc3d.onnx", "--backend", "hls")
    assert (code, shown) == (1, "")
    assert r"a name or path holds bytes that are no UTF-8: 'm\udcc3d.onnx'" in err
    assert "LC_ALL=C.UTF-8" in err


@pytest.mark.parametrize("name", ["a\nverdict: holds.onnx", "a\x1b[2J.onnx", "a\u202eb.onnx"])
def test_names_that_would_pass_for_lines_of_ours_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    assert main(["convert", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 2  # the error and its hint
    assert not (tmp_path / "out").exists()
