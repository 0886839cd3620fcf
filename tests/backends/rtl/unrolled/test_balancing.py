import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.delays import CellDelays
from netwright.backends.rtl.unrolled.balancing import Balance, balanced
from netwright.backends.rtl.unrolled.layers import lower
from netwright.errors import ConfigError
from tests.backends.rtl.cells.test_tables import sums_of_tables

DELAYS = CellDelays(table=1.0, chain=2.0, carry=0.1, table_inputs=4, source="made up")


def graph() -> object:
    return sums_of_tables(np.random.default_rng(3).integers(-20, 20, (3, 3, 8)), signed=True)


@pytest.mark.parametrize("clocks", [0, 1, 2, 3])
def test_a_pipeline_takes_the_clocks_it_may(clocks: int) -> None:
    made = lower(graph(), 1, balance=Balance(clocks, DELAYS))
    assert made.latency_cycles == clocks


def test_more_clocks_than_a_network_has_use_for_are_refused(tmp_path: Path) -> None:
    fewer = lower(graph(), 1, balance=Balance(50, DELAYS)).latency_cycles
    assert fewer < 8
    with pytest.raises(ConfigError) as caught:
        rtl(part="ecp5-85k", latency_cycles=50).generate(graph(), tmp_path / "out")
    taken = int(re.search(r"with (\d+) clocks", str(caught.value))[1])
    assert not (tmp_path / "out").exists()
    made = rtl(part="ecp5-85k", latency_cycles=taken).generate(graph(), tmp_path / "out")
    assert made.latency_cycles == taken < 8


def test_stages_of_a_chain_are_as_short_as_their_number_allows() -> None:
    cells = [
        3.0,
        1.0,
        2.0,
        2.0,
        4.0,
        1.0,
    ]  # a chain; by hand: 3+1 | 2+2 | 4 | 1 and 3+1 | 2+2 | 4+1
    empty = Circuit("chain", (), (), (), 0)

    def lowered(stage_ns: float | None) -> tuple[Circuit, float]:
        stages = [0.0]
        for cell in cells:
            if stage_ns is not None and stages[-1] + cell > stage_ns:
                stages.append(0.0)
            stages[-1] += cell
        return replace(empty, latency_cycles=len(stages) - 1), max(stages)

    assert lowered(4.0) == (balanced(lowered, 3), 4.0)
    assert lowered(5.0) == (balanced(lowered, 2), 5.0)
    assert balanced(lowered, 0).latency_cycles == 0
