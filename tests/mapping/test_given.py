"""What is given of a mapping is taken or refused, whichever field of its file it is."""

from __future__ import annotations

import copy
import random
import tomllib
from dataclasses import replace

import pytest

from netwright import arch, cost, mapping, workload
from netwright.errors import ConfigError, MappingError, NetwrightError
from netwright.mapping import Group, Keep, Loop, Mapping, Phase, fusion
from netwright.mapping.given import check_taken
from netwright.mapping.load import parse
from netwright.workload import cascade
from tests.cost.test_fused import exponentials, two_units
from tests.mapping.test_fusion import chain
from tests.workload.test_from_graph import conv_graph

SOFTMAX = cascade.parse("""
    rank p = 8, m = 16, e = 4
    input Q[p, e], K[m, e]
    S[p, m] = add(e: Q[p, e] * K[m, e])
    M[p] = max(m: S[p, m])
    E[p, m] = exp(S[p, m] - M[p])
    D[p] = add(m: E[p, m])
""")
EXP, TWO = exponentials(), two_units(200)


def given(**parts: object) -> Mapping:
    return Mapping("unfused", (), **parts)


def group(**parts: object) -> Mapping:
    return given(groups=(Group("g", ("T", "E"), **parts),))


TIMES = ("latency", "energy", "edp")


@pytest.mark.parametrize("goal", ["traffic", *TIMES])
@pytest.mark.parametrize(
    ("fixed", "fault"),
    [
        (
            given(bindings={"T": "nobody"}),
            '"T": there is no compute unit "nobody"; units: left_unit',
        ),
        (given(bindings={"x": "left_unit"}), 'a binding names "x", which is no Einsum'),
        (given(bindings={"E": "left_unit"}), "left_unit does mac, multiply, add, not exp"),
        (group(loops=(Loop("z", 1),)), "no Einsum has the rank z"),
        (
            group(loops=(Loop("a", 1, "nowhere", 0),)),
            "there is no array axis nowhere[0]; axes: left",
        ),
        (group(loops=(Loop("a", 1, "left", 7),)), "there is no array axis left[7]"),
        (group(keeps=(Keep("attic", "T", 0),)), '"attic" is no memory of the chip; it has buffer'),
        (group(keeps=(Keep("buffer", "nothing", 0),)), "no Einsum of the group reads or makes it"),
        (group(keeps=(Keep("buffer", "T", -1),)), "the position must be 0 or more, not -1"),
        (group(lags={"E": -2}), 'Einsum "E" must lag 0 tiles or more, not -2'),
        (group(lags={"nobody": 1}), '"nobody" is in a phase or lags behind, but not in the group'),
        (
            group(phases=(Phase({"left_unit": ("T",)}),)),
            'Einsum "E" must be in one phase, not in 0',
        ),
        (
            given(groups=(Group("g", ("T",)), Group("g", ("E",)))),
            'group "g": there are two of this name',
        ),
        (
            given(groups=(Group("g", ("T", "E")), Group("h", ("E",)))),
            'group "h": Einsum "E" is in group "g" already',
        ),
        (given(groups=(Group("g", ("T", "T")),)), "must run one right after the other"),
    ],
)
def test_what_means_nothing_is_refused_for_every_goal(goal, fixed, fault):
    with pytest.raises(MappingError) as caught:
        solved(goal, EXP, TWO, fixed)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("fixed", "fault"),
    [
        (group(lags={"E": 1}), "not lags; fusion for latency, energy or edp does"),
        (group(loops=(Loop("a", 1, "left", 0),)), "takes loops in time and keeps, not loops along"),
        (
            group(phases=(Phase({"right_unit": ("T", "E")}),)),
            "fusion for the least traffic takes loops in time and keeps, not phases",
        ),
    ],
)
def test_what_traffic_does_not_decide_is_refused_there_and_taken_for_time(fixed, fault):
    with pytest.raises(MappingError) as caught:
        fusion(EXP, TWO, fixed=fixed)
    assert fault in str(caught.value)
    for goal in TIMES:
        assert missing(fixed, solved(goal, EXP, TWO, fixed)) == []


def test_registers_are_no_place_for_traffic():
    chip = arch.find("fusemax")
    kept = Keep("row_registers", "M", 0)
    fixed = given(groups=(Group("g", ("S", "M", "E", "D"), keeps=(kept,)),))
    with pytest.raises(MappingError, match="keeps tensors in buffer, not in row_registers"):
        fusion(SOFTMAX, chip, fixed=fixed)


def test_what_no_unit_does_streams_alone():
    network = cascade.parse("rank a = 4\ninput A[a]\nS[a] = sigmoid(A[a])\nT[a] = exp(S[a])\n")
    fixed = given(groups=(Group("g", ("S",), (Loop("a", 2),)),))
    for goal in ("traffic", *TIMES):
        with pytest.raises(
            MappingError, match='no unit does sigmoid of "S": it streams in a group'
        ):
            solved(goal, network, TWO, fixed)
    alone = given(groups=(Group("mine", ("S",)),))
    assert all(missing(alone, solved(goal, network, TWO, alone)) == [] for goal in TIMES)
    tiled = given(groups=(Group("g", ("T",), (Loop("a", 2),)),))  # points would be as good
    assert all(missing(tiled, solved(goal, network, TWO, tiled)) == [] for goal in TIMES)


def test_groups_are_no_longer_than_is_searched():
    with pytest.raises(MappingError, match="has 2 Einsums; a group has at most 1"):
        fusion(EXP, TWO, max_einsums=1, fixed=group())


def test_loops_along_arrays_are_taken_without_phases_too():
    free = cost.fused(SOFTMAX, arch.find("fusemax"), goal="energy").mapping
    own = replace(free.groups[0], phases=(), lags={}, keeps=())
    fixed = replace(free, groups=(own,), bindings={})
    assert any(loop.is_spatial for loop in own.loops)
    again = cost.fused(SOFTMAX, arch.find("fusemax"), goal="energy", fixed=fixed).mapping
    assert again.groups[0].loops == own.loops


def test_a_keep_may_be_given_at_any_position_and_costs_what_the_engine_counts():
    machine = two_units(2000)
    root = machine.root.name
    positions = set()
    for tensor in ("input0", "linear0.weight", "linear1.weight"):
        for position in range(3):
            loops = Loop("B0", 4), Loop("B1", 4)
            kept = Group(
                "g", ("linear0", "linear1"), loops, (), (Keep("buffer", tensor, position),)
            )
            try:
                found = fusion(chain(), machine, fixed=given(groups=(kept,)))
            except MappingError:
                continue
            spent = cost.pipeline.estimate(chain(), machine, found.mapping)
            assert spent.bytes_moved[root] == found.num_bytes
            positions.add(position)
    assert len(positions) > 1


def test_steps_of_another_granularity_are_refused_unless_they_are_the_same():
    network = workload.fuse(workload.from_graph(conv_graph()))
    machine = arch.find("scratchpad")
    names = tuple(einsum.name for einsum in network.einsums)
    for take in (fusion, cost.estimate_network):
        with pytest.raises(ConfigError, match=r"operators are grouped, and those of .* are fused"):
            take(network, machine, fixed=Mapping("grouped", names[:1]))
        take(network, machine, fixed=Mapping("grouped", names))
    text = f'order = ["{names[0]}"]\n'
    for said, granularity in (("", "fused"), ('granularity = "grouped"\n', "grouped")):
        tables = tomllib.loads(said + text)
        assert parse(tables, source="f", granularity="fused").granularity == granularity


def test_an_estimate_follows_a_part_of_an_order_and_refuses_what_says_nothing():
    network = workload.fuse(workload.from_graph(conv_graph()))
    machine = arch.find("scratchpad")
    names = [einsum.name for einsum in network.einsums]
    with pytest.raises(ConfigError, match='order: "nobody" is no Einsum'):
        cost.estimate_network(network, machine, fixed=Mapping("fused", ("nobody",)))
    with pytest.raises(ConfigError, match="cannot come there"):
        cost.estimate_network(network, machine, fixed=Mapping("fused", (names[-1], names[0])))
    with pytest.raises(ConfigError, match="says something of stays, and none are given"):
        cost.estimate_network(network, machine, fixed=Mapping("fused", (), places_weights=True))
    stays = mapping.cosma(network, machine).mapping
    with pytest.raises(ConfigError, match="the whole order must be given"):
        cost.estimate_network(network, machine, fixed=replace(stays, order=stays.order[:-1]))
    layouts = cost.estimate_network(chain(), arch.find("gddr6-aim")).mapping
    with pytest.raises(ConfigError, match="no units beside the banks"):
        cost.estimate_network(chain(), two_units(200), fixed=layouts)
    nests = cost.estimate_network(chain(), two_units(200)).mapping
    with pytest.raises(ConfigError, match="not loop nests, stays and groups"):
        cost.estimate_network(chain(), arch.find("gddr6-aim"), fixed=nests)


def test_a_group_of_one_product_that_streams_is_counted_as_it_is_given():
    alone = given(groups=(Group("mine", ("linear0",)),), bindings={"linear0": "right_unit"})
    found = cost.estimate_network(chain(), two_units(2000), fixed=alone)
    assert (found.layers[0].name, found.layers[0].engine) == ("mine", "pipeline")
    assert found.layers[0].is_fixed
    assert "linear0" not in found.mapping.nests


def test_whatever_a_mapper_passes_over_is_named():
    whole = cost.fused(SOFTMAX, arch.find("fusemax")).mapping
    check_taken(whole, whole)
    bare = Mapping("unfused", whole.order[::-1])
    full = replace(whole, places_weights=True)
    with pytest.raises(ConfigError) as caught:
        check_taken(full, bare)
    told = str(caught.value)
    for part in ("the order", 'the binding of "S"', f'group "{whole.groups[0].name}"', "weights"):
        assert part in told
    one = whole.groups[0]
    changed = replace(one, loops=(), phases=(), keeps=(), lags={})
    with pytest.raises(ConfigError, match=r"the loops along arrays of group .* the keeps of"):
        check_taken(whole, replace(whole, groups=(changed, *whole.groups[1:])))


def solved(goal, network, machine, fixed):
    if goal == "traffic":
        return fusion(network, machine, fixed=fixed).mapping
    if goal == "estimate":
        return cost.estimate_network(network, machine, fixed=fixed).mapping
    return cost.fused(network, machine, goal=goal, fixed=fixed).mapping


def missing(fixed: Mapping, found: Mapping) -> list[object]:
    """What of a mapping another one does not have, said without the code that is tested."""
    places = [found.order.index(name) for name in fixed.order]
    lost: list[object] = [] if places == sorted(places) else ["order"]
    lost += fixed.bindings.items() - found.bindings.items()
    lost += [name for name, nest in fixed.nests.items() if found.nests.get(name) != nest]
    lost += set(fixed.residencies) - set(found.residencies)
    lost += set(fixed.layouts) - set(found.layouts)
    lost += ["weights"] if fixed.places_weights > found.places_weights else []
    for own in fixed.groups:
        (other,) = (group for group in found.groups if group.name == own.name)
        for is_spatial in (False, True):
            loops, taken = (
                [x for x in g.loops if x.is_spatial == is_spatial] for g in (own, other)
            )
            lost += loops if loops and loops != taken else []
        lost += [] if own.einsums == other.einsums else [own.einsums]
        lost += own.phases if own.phases and own.phases != other.phases else []
        lost += set(own.keeps) - set(other.keeps)
        lost += [x for x in own.lags.items() if x[1] and x not in other.lags.items()]
    return lost


def leaves(part: object, path: tuple[object, ...] = ()):
    """Paths to all values of a file."""
    yield path
    if isinstance(part, dict):
        for key, value in part.items():
            yield from leaves(value, (*path, key))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from leaves(value, (*path, number))


def changed(tables: dict[str, object], seed: int):
    """Files in which one value is another one, missing, doubled, or under another name."""
    names = sorted({str(key) for path in leaves(tables) for key in path})
    chance = random.Random(seed)
    for path in list(leaves(tables))[1:]:
        value = at(tables, path)
        others: list[object] = [None]
        if isinstance(value, bool):
            others.append(not value)
        elif isinstance(value, int):
            others += [-1, 0, value + 1, 10**12]
        elif isinstance(value, str):
            others += ["nobody", chance.choice(names)]
        elif isinstance(value, list):
            others += [[], value[::-1], value + value[:1]]
        elif isinstance(path[-1], str):
            others.append({})
        for other in others:
            copied = copy.deepcopy(tables)
            owner = at(copied, path[:-1])
            if other is None:
                del owner[path[-1]]
            else:
                owner[path[-1]] = other
            yield (*path, other), copied
        if isinstance(path[-1], str):
            copied = copy.deepcopy(tables)
            owner = at(copied, path[:-1])
            owner["nobody"] = owner.pop(path[-1])
            yield (*path, "renamed"), copied


def at(part, path):
    for key in path:
        part = part[key]
    return part


@pytest.mark.parametrize(
    ("case", "goal"),
    [
        *(("exponentials", goal) for goal in ("traffic", "latency", "energy", "estimate")),
        *(("chain", goal) for goal in ("traffic", "latency", "estimate")),
    ],
)
def test_every_field_of_a_file_is_taken_or_refused(case, goal):
    network, machine = {"exponentials": (EXP, TWO), "chain": (chain(), two_units(2000))}[case]
    free = solved("latency" if goal == "estimate" else goal, network, machine, None)
    tables = tomllib.loads(mapping.write(free))
    assert missing(free, solved(goal, network, machine, free)) == []
    taken = refused = 0
    for place, file in changed(tables, seed=7):
        try:
            fixed = parse(file, source="f.toml")
            found = solved(goal, network, machine, fixed)
        except NetwrightError:
            refused += 1
            continue
        assert missing(fixed, found) == [], place
        taken += 1
    assert taken > 10
    assert refused > 50


def recurrent(steps: int) -> workload.Workload:
    """A running value with sums and products, most of which units for products do not do."""
    lines = ["rank t = 3, h = 4, k = 4", "input X[t, h]", "weight W[k, h]", "initial R = 0",
             "P[t, k] = add(h: W[k, h] * R[t, h])", "T0[t, h] = X[t, h] + P[t, h]"]  # fmt: skip
    lines += [f"T{n + 1}[t, h] = T{n}[t, h] * X[t, h]" for n in range(steps)]
    return cascade.parse("\n".join([*lines, f"R[t + 1, h] = tanh(T{steps}[t, h])"]))


@pytest.mark.parametrize("steps", [1, 24])
def test_what_was_found_and_written_is_taken_though_the_only_unit_does_not_do_all(steps):
    network, machine = recurrent(steps), arch.find("scratchpad")
    found = fusion(network, machine)
    names = tuple(einsum.name for einsum in network.einsums)
    (own,) = found.mapping.groups
    assert (own.einsums, len(names)) == (names, steps + 3)
    phased = replace(own, phases=(Phase({"mac": names}),))
    written = parse(
        tomllib.loads(mapping.write(replace(found.mapping, groups=(phased,)))), source="found.toml"
    )
    assert written.bindings["T0"] == "mac"
    taken = cost.fused(network, machine, fixed=written)
    assert taken.mapping.groups == (phased,)
    assert taken.seconds == cost.estimate_network(network, machine, fixed=written).total.seconds
    with pytest.raises(MappingError, match='"T0": mac does mac, not add'):
        cost.fused(network, machine, fixed=replace(written, groups=()))
