import pytest

from netwright.cli.exit_codes import exit_code
from netwright.errors import (
    BackendError,
    ConfigError,
    DataError,
    Infeasible,
    MissingExtra,
    NetwrightError,
    ToolFailed,
    ToolMissing,
    VerificationError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (MissingExtra("hls", package="hls4ml", purpose="x"), 3),
        (ToolMissing("g++", hint="x"), 3),
        (ToolFailed("g++", code=1, log_tail="x"), 4),
        (BackendError("x"), 4),
        (VerificationError("x"), 1),
        (DataError("x"), 1),
        (Infeasible("x", smallest=1.0), 1),
    ],
)
def test_exit_code_of_every_error(error: NetwrightError, code: int) -> None:
    assert exit_code(error) == code
