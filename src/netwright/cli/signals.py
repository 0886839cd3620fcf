"""What Ctrl-C and requests to end do to a command: it cleans up, soon, and says so by its code."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_S = 10.0
"""Time that a command gets to clean up, also where a long computation cannot be interrupted."""

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stopped(KeyboardInterrupt):
    """The command was told to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


def exit_code(stopped: KeyboardInterrupt) -> int:
    """The exit code that stands for an interruption: 128 and the number of the signal."""
    return 128 + (stopped.number if isinstance(stopped, Stopped) else signal.SIGINT)


@contextmanager
def stopping() -> Iterator[None]:
    """Let signals that ask for an end raise :class:`Stopped` within this block.

    After :data:`GRACE_S`, or at a second signal, the process ends without cleaning up: what is on
    the disk is whole at any time, and no program outlives us. Signals that somebody handles or
    ignores already are left alone, and so is everything outside the main thread. A library may make
    an error of its own of what the signal raises in it; that is an end by the signal as well.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults = {signal.SIG_DFL, signal.default_int_handler}
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number, handler in before.items() if handler in defaults]
    told: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if told:
            os._exit(128 + number)
        told.append(number)
        raise Stopped(number)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(reading, ours), daemon=True).start()
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if told and not (isinstance(error, SystemExit) and not error.code):
            raise Stopped(told[0]) from error
        raise
    finally:
        for number in ours:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(wakeup)
        os.close(writing)


def _end_in_time(reading: int, numbers: list[signal.Signals]) -> None:
    """End the process when the time to clean up is over; this needs no turn of the main thread."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while received := pipe.read(1):
            if received[0] in numbers:
                timer = threading.Timer(GRACE_S, os._exit, [128 + received[0]])
                timer.daemon = True
                timer.start()
                with suppress(OSError):
                    while pipe.read(64):  # until the block ends
                        continue
                timer.cancel()
                return
