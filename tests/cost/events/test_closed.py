from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost.events import execute, product_cycles
from netwright.errors import ConfigError
from netwright.mapping import place
from netwright.workload.builder import Builder
from tests.cost.events.programs import dram_of, with_timings


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [(1024, 128), (64, 128), (100, 300), (1024, 4096), (768, 3072), (16, 1), (48, 9000)],
)
def test_formula_is_what_the_engine_takes(inputs, outputs):
    machine = arch.find("gddr6-aim")
    b = Builder("dense", bits=16)
    workload = b.finish(b.linear(b.input((1, 1, inputs)), outputs))
    done = execute(workload, machine, place(workload, machine), refresh=False)
    wanted = product_cycles(dram_of("gddr6-aim"), columns=-(-inputs // 16),
                            vectors=-(-outputs // 128))  # fmt: skip
    assert done.outcome.cycles == wanted


def test_formula_declines_where_other_timings_decide():
    with pytest.raises(ConfigError, match="the formula needs sum < rtp"):
        product_cycles(with_timings(dram_of("gddr6-aim"), sum=12), columns=4, vectors=4)
    with pytest.raises(ConfigError, match="a product has 1 column and vector or more"):
        product_cycles(dram_of("gddr6-aim"), columns=0, vectors=4)
