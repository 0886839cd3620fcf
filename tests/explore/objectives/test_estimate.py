from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch import with_settings
from netwright.cost import estimate_network
from netwright.errors import ConfigError
from netwright.exchange.find import find_workload
from netwright.explore import Constraint, Goal, Listed, Search, Space, Whole
from netwright.explore.objectives.estimate import Estimate
from netwright.workload import fuse

GOALS = (Goal(value="seconds"), Goal(value="joules"))


def space(*paths: str, **more) -> Space:
    parameters = tuple(Whole(name=path, low=4, high=8) for path in paths)
    return Space(**{"parameters": parameters, "goals": GOALS, **more})


def test_a_point_costs_what_the_changed_machine_costs():
    objective = Estimate("alexnet", "tpu")
    point = {"machine.elements.fanout[0]": 8}
    search = Search(space(*point), objective, Listed((point,)))
    (trial,) = search.run(trials=1).trials
    machine = with_settings(arch.find("tpu"), ["elements.fanout=8,32"])
    expected = estimate_network(fuse(find_workload("alexnet")), machine).total
    assert trial.values["seconds"] == expected.seconds
    assert trial.values["joules"] == expected.joules
    assert trial.values["bytes.dram"] == expected.bytes_moved["dram"]


@pytest.mark.parametrize(
    ("searched", "message"),
    [
        (space("machin.dram.bandwidth"), '"machin.dram.bandwidth" reaches nothing; did you'),
        (space("network.size"), '"network.size" reaches nothing; '),
        (space("machine.darm.bandwidth"), 'nodes has no entry "darm"; did you mean "dram"?'),
        (space("machine.sram.capacty"), "capacty"),
        (space("machine.elements.fanout[3]"), "has 2 entries, none with the index 3"),
        (space("mapping.nests.conv1.loops"), 'the file has no "nests"'),
        (space("machine.mac.accumulator_bits", goals=(Goal(value="second"),)),
         'the value "second" is never measured; did you mean "seconds"?'),
        (space("machine.mac.accumulator_bits", constraints=(Constraint(rule="mm2 <= 1"),)),
         'the value "mm2" is never measured'),
    ],
)  # fmt: skip
def test_what_reaches_nothing_is_named(searched, message):
    with pytest.raises(ConfigError) as caught:
        Estimate("alexnet", "tpu").check(searched)
    assert message in caught.value.message


def test_a_network_that_is_none_is_refused_before_the_search():
    space = Space(parameters=(Whole(name="mapping.x", low=0, high=1),), goals=(Goal(value="edp"),))
    with pytest.raises(
        ConfigError, match=r'^\[objective\]: "squezenet" is not one of the networks'
    ):
        Estimate(network="squezenet", machine="tpu").check(space)


def test_the_digest_follows_what_decides(tmp_path):
    first = Estimate("alexnet", "tpu").digest
    assert Estimate("alexnet", "tpu").digest == first
    others = [Estimate("alexnet", "nvdla"), Estimate("alexnet", "tpu", goal="latency"),
              Estimate("alexnet", "tpu", batch=2)]  # fmt: skip
    assert first not in {other.digest for other in others}
