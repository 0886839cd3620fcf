"""How many threads are worth starting here, and how a worker process ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from math import ceil
from multiprocessing import connection
from pathlib import Path

from netwright.errors import ConfigError

THREADS_VARIABLE = "NETWRIGHT_THREADS"
"""Environment variable that sets the number of threads and workers used by default."""

MAX_DEFAULT = 32
"""Most threads that are started without being asked for."""

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def default_threads() -> int:
    """Threads or workers to use where nobody says how many.

    It is what :data:`THREADS_VARIABLE` says; or else the cores that this process may use (its
    affinity, and the quota of its control group), less those that others keep busy now, at least a
    quarter of them, at most :data:`MAX_DEFAULT`.

    Raises:
        ConfigError: The variable is set to something else than a number of 1 or more.
    """
    chosen = os.environ.get(THREADS_VARIABLE, "").strip()
    if chosen:
        if not chosen.isascii() or not chosen.isdigit() or int(chosen) < 1:
            raise ConfigError(
                f"{THREADS_VARIABLE} must be a number of threads, 1 or more, not {chosen!r}"
            )
        return int(chosen)
    cores = usable_cores()
    free = cores - round(_load())
    return min(max(free, ceil(cores / 4), 1), MAX_DEFAULT)


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *_quotas()]))


def _load() -> float:
    """Threads that wanted to run during the last minute, on average."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return 0.0


def _quotas() -> list[int]:
    """Cores that the control groups of this process allow, version 2 and 1; none if unlimited."""
    found = []
    with suppress(OSError, ValueError):
        lines = _OWN_GROUP.read_text().splitlines()
        own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
        folder = _CGROUP / own
        for place in (folder, *folder.parents):
            if not place.is_relative_to(_CGROUP):
                break
            with suppress(OSError, ValueError):
                quota, period = (place / "cpu.max").read_text().split()
                found.append(ceil(int(quota) / int(period)))  # "max" is no number
    with suppress(OSError, ValueError):
        quota_us = int((_CGROUP / "cpu" / "cpu.cfs_quota_us").read_text())
        period_us = int((_CGROUP / "cpu" / "cpu.cfs_period_us").read_text())
        if quota_us > 0:
            found.append(ceil(quota_us / period_us))
    return found


def follow_parent() -> None:
    """Leave interruptions to the parent of this worker, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
