from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.events import Program, Table
from netwright.errors import ConfigError
from tests.cost.events.programs import dram_of


def refused(requests, **settings):
    table = Table.of(dram_of("gddr6-aim"))
    rows = np.array(requests, np.int64)
    with pytest.raises(ConfigError) as caught:
        Program(rows, settings.pop("stages", (len(rows),)), **settings).check(table)
    return caught.value.message


def test_requests_out_of_range_are_refused():
    table = Table.of(dram_of("gddr6-aim"))
    read = table.number["read"]
    good = [read, 0, 0, 0, 0, 1, 0]
    assert refused([good, [read, 8, 0, 0, 0, 1, 0]]) == (
        "request 1: channel must be from 0 to 7, not 8"
    )
    assert refused([[read, 0, 16, 0, 0, 1, 0]]) == "request 0: bank must be from 0 to 15, not 16"
    assert refused([[read, 0, 0, 0, 0, 0, 0]]).startswith("request 0: count must be from 1 to")
    assert refused([[table.number["activate"], 0, 0, 0, 0, 1, 0]]) == (
        'request 0: "activate" is no request; rows are opened, closed and refreshed where that is '
        "needed"
    )
    assert refused([[table.number["mac_all"], 0, 3, 0, 0, 1, 0]]) == (
        "request 0: its command concerns more than a bank, so the bank must be 0, not 3"
    )
    late = [read, 0, 0, 0, 0, 1, 9]
    assert refused([late, good]) == (
        "requests of a stage and a channel must be in the order in which they arrive"
    )
    assert refused([good], stages=(0,)) == "the last stage must end at request 1"
    assert refused([good], lookahead=0) == "lookahead must be from 1 to 256, not 0"
    assert refused([good], busy=(-1,)).startswith("busy must be from 0 to")
    assert refused([good], busy=(1, 2)) == "busy must have one value for each of the 1 stages"
    assert refused([[0, 1]]).startswith("requests must have the columns command, channel")
