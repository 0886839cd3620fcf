import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.hls.emulation import (
    STACK_BYTES,
    _deep_stacks,
    compile_emulation,
    run_emulation,
)
from netwright.backends.tools import Tool
from netwright.errors import BackendError, ToolFailed, ToolMissing
from netwright.files import LOCK


def compiler(folder: Path, text: str) -> Tool:
    path = folder / "mock-g++"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tool("g++", str(path), ("--version",), "install it")


WRITES = 'while [ "$1" != -o ]; do shift; done; echo called >> calls; echo library > "$2"'


def test_the_library_is_made_once(tmp_path: Path) -> None:
    tool, build = compiler(tmp_path, WRITES), tmp_path / "build"
    files = {"a.cpp": "1"}
    first = compile_emulation(tmp_path, files, timeout_s=10, build=build, compiler=tool)
    again = compile_emulation(tmp_path, files, timeout_s=10, build=build, compiler=tool)
    assert first == again
    assert first.read_text() == "library\n"
    assert (tmp_path / "calls").read_text() == "called\n"
    assert (build / "emulation.log").read_text().startswith(f"$ {tool.command} -std=c++17")


def test_a_torn_library_is_made_again(tmp_path: Path) -> None:
    tool, build = compiler(tmp_path, WRITES), tmp_path / "build"
    library = compile_emulation(tmp_path, {}, timeout_s=10, build=build, compiler=tool)
    os.truncate(library, 3)
    compile_emulation(tmp_path, {}, timeout_s=10, build=build, compiler=tool)
    assert library.read_text() == "library\n"
    assert (tmp_path / "calls").read_text() == "called\ncalled\n"


def test_changed_sources_replace_the_library(tmp_path: Path) -> None:
    tool, build = compiler(tmp_path, WRITES), tmp_path / "build"
    first = compile_emulation(tmp_path, {"a": "1"}, timeout_s=10, build=build, compiler=tool)
    second = compile_emulation(tmp_path, {"a": "2"}, timeout_s=10, build=build, compiler=tool)
    assert first != second
    assert {path.name for path in build.iterdir()} == {LOCK, "emulation.log", second.name}


def test_a_failing_compiler_leaves_no_library(tmp_path: Path) -> None:
    tool, build = compiler(tmp_path, "echo 'x.cpp:1: error: no'; exit 1"), tmp_path / "build"
    with pytest.raises(ToolFailed) as caught:
        compile_emulation(tmp_path, {}, timeout_s=10, build=build, compiler=tool)
    assert str(caught.value) == (
        "g++ ended with exit code 1; the end of its output was:\nx.cpp:1: error: no\n"
        f"hint: the whole output is in {build / 'emulation.log'}"
    )
    assert {path.name for path in build.iterdir()} == {LOCK, "emulation.log"}


def test_a_compiler_that_hangs_is_killed(tmp_path: Path) -> None:
    tool, build = compiler(tmp_path, "sleep 60"), tmp_path / "build"
    with pytest.raises(ToolFailed, match=r"^g\+\+ ran past its time limit") as caught:
        compile_emulation(tmp_path, {}, timeout_s=0.3, build=build, compiler=tool)
    assert caught.value.code is None


def test_a_missing_compiler(tmp_path: Path) -> None:
    tool = Tool("g++", "no-such-compiler", (), "install it")
    with pytest.raises(ToolMissing, match="hint: install it"):
        compile_emulation(tmp_path, {}, timeout_s=1, build=tmp_path / "build", compiler=tool)


def test_stacks_stay_deep_while_another_thread_needs_them() -> None:
    before = threading.stack_size()
    first, second = _deep_stacks(), _deep_stacks()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threading.stack_size() == STACK_BYTES
    second.__exit__(None, None, None)
    assert threading.stack_size() == before


def test_a_damaged_library(tmp_path: Path) -> None:
    library = tmp_path / "emulation-0.so"
    library.write_text("no library")
    with pytest.raises(BackendError, match="cannot be loaded") as caught:
        run_emulation(library, [np.zeros((1, 1))], [1])
    assert caught.value.hint == "delete it and build again"
