from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch
from netwright.mapping import faults, place
from netwright.workload.builder import Builder


@pytest.fixture
def placed():
    b = Builder("dense", bits=16)
    workload = b.finish(b.linear(b.linear(b.input((1, 1, 64)), 128), 64))
    return workload, place(workload, arch.find("gddr6-aim"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensor": "x"}, 'layout of "x": there is no such tensor'),
        ({"memory": "pins"}, 'layout of "linear0.weight": there is no memory "pins" with banks'),
        ({"channels": 9}, 'layout of "linear0.weight": needs 9 channels, banks has 8'),
        (
            {"first_row": 16384},
            'layout of "linear0.weight": rows 16384 to 16384, banks have 16384',
        ),
        ({"num_rows": 0}, 'layout of "linear0.weight": 16384 bytes do not fit into its 0 rows'),
        ({"groups": 0}, "must be 1 or more"),
        ({"num_rows": 2}, 'layouts of "linear0.weight" and "linear1.weight" share rows'),
        ({"tensor": "linear1.weight"}, 'layout of "linear1.weight": there are two'),
        ({"per_bank": 1 << 40}, "more than elements"),
        ({"channels": 7}, "has room for 112 vectors, not for 128"),
        ({"length": 63}, "has room for vectors of 63 elements, not 64"),
        ({"length": 1 << 40}, "a vector of 1099511627776 elements is larger than a bank"),
        ({"length": 1 << 20, "piece": 1}, "takes 16384 rows, not 1"),
        ({"shared": 17}, "a filling of the buffer has 1088 elements, and it holds 1024"),
    ],
)
def test_impossible_layouts_are_named(placed, changes, message):
    workload, mapping = placed
    first, *rest = mapping.layouts
    wrong = replace(mapping, layouts=(replace(first, **changes), *rest))
    assert any(message in fault for fault in faults(workload, arch.find("gddr6-aim"), wrong))
