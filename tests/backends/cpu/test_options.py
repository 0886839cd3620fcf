from __future__ import annotations

import re

import pytest

from netwright.backends.cpu import CpuOptions
from netwright.errors import ConfigError


def test_options_are_plain_values() -> None:
    assert CpuOptions(threads=4).record == {"threads": 4, "isa": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads must be an integer from 1 to 256, not 0"),
        ({"threads": True}, "threads must be an integer from 1 to 256, not True"),
        ({"threads": 2.0}, "threads must be an integer from 1 to 256, not 2.0"),
        ({"threads": 999, "isa": "sse"}, "not 999; isa must be one of numpy, scalar, avx2,"),
    ],
)
def test_what_no_processor_has_is_refused(options, message) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        CpuOptions(**options)
