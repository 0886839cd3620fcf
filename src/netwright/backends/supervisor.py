"""Runs one program, and ends it and all that it started when nobody waits for it any more.

This file is executed by an interpreter of its own: ``python supervisor.py DESCRIPTOR PROGRAM ...``.
The descriptor is the reading end of a pipe whose other end the waiting process alone holds. However
that process ends, a kill included, the pipe ends with it, and then the program's process group is
killed: make, the compiler that make started, and what that started. What is left of the group when
the program has ended is killed too; on Linux, so is every descendant that has left the group.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

_SET_CHILD_SUBREAPER = 36
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores, and programs expect to end them."""


def _adopt_orphans() -> None:
    """On Linux, become the parent of every descendant whose own parent ends."""
    if sys.platform == "linux":
        try:
            import ctypes

            ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        except (ImportError, OSError, AttributeError):
            return


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as stream:
            return [int(word) for word in stream.read().split()]
    except OSError:
        return []


def _kill_all(group: int) -> None:
    """Kill the program's group, then what has left it, until this process has no children."""
    for _ in range(100):
        with suppress(OSError):  # it has ended
            os.killpg(group, signal.SIGKILL)
        children = _children()
        if not children:
            return
        for child in children:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def main() -> None:
    """Run the program and end as it ends."""
    watched = int(sys.argv[1])
    os.set_inheritable(watched, False)
    _adopt_orphans()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        program = os.posix_spawn(
            sys.argv[2], sys.argv[2:], os.environ, setpgroup=0, setsigdef=_RESTORED
        )
    except OSError as error:
        sys.stderr.write(f"{sys.argv[2]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)
    while True:
        ready, _, _ = select.select([watched, reading], [], [])
        if watched in ready:
            _kill_all(program)
            os._exit(1)
        os.read(reading, 512)
        ended, status = os.waitpid(program, os.WNOHANG)
        if ended:
            break
    _kill_all(program)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    main()
