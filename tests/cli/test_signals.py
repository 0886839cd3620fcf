from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from netwright.cli.signals import Stopped, exit_code, stopping

COMMAND = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may ignore both
signal.signal(signal.SIGINT, signal.default_int_handler)
from netwright import cli
from netwright.cli import app, signals
signals.GRACE_S = 0.5

@app.app.command("wait")
def wait(how: str) -> None:
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaned", flush=True)
        if how == "stuck":
            time.sleep(60)

sys.exit(cli.main(sys.argv[1:]))
"""


def stopped(number: signal.Signals, how: str) -> tuple[int, str, str]:
    """Exit code and output of a command that gets a signal."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "wait", how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_cleans_up(number: signal.Signals) -> None:
    code, out, err = stopped(number, "sleep")
    assert (code, out) == (128 + number, "cleaned\n")
    assert err == "interrupted; the same command goes on from here\n"


def test_cleaning_up_has_an_end() -> None:
    start = time.monotonic()
    code, out, _ = stopped(signal.SIGTERM, "stuck")
    assert (code, out) == (128 + signal.SIGTERM, "cleaned\n")
    assert time.monotonic() - start < 20


def test_handlers_are_put_back_and_those_of_others_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt = signal.getsignal(signal.SIGINT)
        with stopping():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) != interrupt
        assert signal.getsignal(signal.SIGINT) == interrupt
    finally:
        signal.signal(signal.SIGINT, outside)
        signal.signal(signal.SIGTERM, before)


def test_a_signal_is_raised_within_the_block() -> None:
    def end_oneself() -> None:
        with stopping():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    with pytest.raises(Stopped) as caught:
        end_oneself()
    assert caught.value.number == signal.SIGTERM
    assert exit_code(caught.value) == 143
    assert exit_code(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("error", [SystemError("of a library"), SystemExit(1)])
def test_an_error_made_of_a_signal_is_an_end_by_the_signal(error: BaseException) -> None:
    def end_oneself() -> None:
        with stopping():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            except Stopped:
                raise error from None

    with pytest.raises(Stopped) as caught:
        end_oneself()
    assert caught.value.number == signal.SIGTERM


def test_a_command_that_ends_well_in_spite_of_a_signal() -> None:
    def end_well() -> None:
        with stopping():
            with suppress(Stopped):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            sys.exit(0)

    with pytest.raises(SystemExit) as caught:
        end_well()
    assert caught.value.code == 0


def test_output_that_nobody_reads_is_no_failure_of_ours(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "netwright.cli", "list", "tasks"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_a_message() -> None:
    command = [sys.executable, "-m", "netwright.cli", "list", "tasks"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        deaf = subprocess.run([*command, "--no-such"], stdout=full, stderr=full, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: No space left on device\n"
        "hint: choose a folder that exists, is writable and has free space\n"
    )
    assert deaf.returncode in (1, 2)


@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_closed_streams_lead_nowhere(tmp_path: Path, closed: str) -> None:
    code = (
        f"import os, sys; [os.close(int(n)) for n in {closed!r}]; "
        "os.execv(sys.executable, [sys.executable, '-m', 'netwright.cli', 'list', 'tasks'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 0
    assert (b"jets" in ended.stdout) == ("1" not in closed)
    assert ended.stderr == b""
