"""What a command ends with; docs/cli.md says what each code means."""

from __future__ import annotations

from netwright.errors import (
    BackendError,
    ConfigError,
    MissingExtra,
    NetwrightError,
    NotInstalled,
    ToolMissing,
)

FAILED, USAGE, MISSING, TOOL_FAILED, INCOMPLETE, PIPE_CLOSED = 1, 2, 3, 4, 5, 141
"""Exit codes beside 0."""


def exit_code(error: NetwrightError) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, MissingExtra | NotInstalled | ToolMissing):
        return MISSING
    if isinstance(error, BackendError):
        return TOOL_FAILED
    return FAILED
