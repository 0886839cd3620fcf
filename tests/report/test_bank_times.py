from __future__ import annotations

import re

import pytest
from tests.cost.events.programs import dram_of, reads

from netwright.cost.events import Table, run
from netwright.errors import ConfigError
from netwright.report.bank_times import bank_times

pytest.importorskip("matplotlib")


def test_picture_shows_rows_and_columns():
    dram = dram_of("ddr4-3200")
    table = Table.of(dram, refresh=False)
    done = run(table, reads(table, [(0, 3, 7, 0, 2), (0, 3, 8, 0, 1)]))
    picture = bank_times(done, dram)
    assert picture.startswith("<svg")
    assert "Banks of channel 0 from cycle 0 to" in picture
    assert picture == bank_times(done, dram)
    colored = re.findall(r"fill: (#[0-9a-f]{6}); fill-opacity: 0\.4", picture)
    assert len(colored) == 2, "a bar for each row that was open"
    with pytest.raises(ConfigError, match="channel 3 has no commands"):
        bank_times(done, dram, channel=3)
    with pytest.raises(ConfigError, match="there is no trace"):
        bank_times(run(table, reads(table, [(0, 3, 7, 0, 2)]), trace=False), dram)
