from netwright.mapping import Precedence, default_schedule
from tests.mapping.graphs import chain_with_skips


def test_dominators_have_one_place():
    workload = chain_with_skips([1, 1, 1, 1, 1], [[], [0], [0], [1, 2], [3]])
    assert Precedence(default_schedule(workload)).dominators == (0, 3, 4)


def test_only_what_must_be_there_lives_in_every_order():
    # t0 must live while e2 runs, whatever the order.
    workload = chain_with_skips([4, 3, 3, 1], [[], [0], [1], [0, 2]])
    assert Precedence(default_schedule(workload)).lives == ((), (), ("t0",), ())
