"""When, where and in how much time a report was made: all that two equal runs may differ in."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.report.part import Count, Part


class When(Part):
    """The one place of a document for what depends on the day and the machine.

    Attributes:
        started: When the first stage began; UTC, ISO 8601.
        finished: When the report was written.
        machine: Model of the processor, or another name of the machine.
        system: Operating system and architecture.
        cores: Cores that the process might use.
        commit: Commit of the package's working tree, if it ran from one.
        seconds: Wall time by stage.
        versions: Version by package or tool.
    """

    started: str
    finished: str
    machine: str
    system: str
    cores: Count
    commit: str | None = None
    seconds: Mapping[str, float] = {}
    versions: Mapping[str, str] = {}
