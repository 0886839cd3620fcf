"""When and where this process works, for a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from netwright import __version__
from netwright.report import When
from netwright.run.commit import revision
from netwright.run.folder import read_record
from netwright.run.machine import machine


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def when(stages: Iterable[Path] = ()) -> When:
    """Everything that depends on the day and the machine.

    Args:
        stages: Folders of the finished stages behind the report.
    """
    records = [record for folder in stages if (record := read_record(folder)) is not None]
    here, commit, finished = machine(), revision(), now()
    return When(
        started=min((record.started for record in records), default=finished),
        finished=finished,
        machine=here.cpu,
        system=here.system,
        cores=here.cores,
        commit=commit.commit if commit else None,
        seconds={record.name: record.seconds for record in records},
        versions={"netwright": __version__, "python": here.python, **here.libraries},
    )
