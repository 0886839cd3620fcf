from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch
from netwright.mapping import Group, Keep, Loop, Mapping, Phase, check_legal, faults
from netwright.mapping.group_legality import group_faults
from tests.cost.attention import ROW, SQUARE, Sizes, mapped, one_pass, three_pass

MACHINE = arch.find("fusemax")
SIZES = Sizes(2, 64, 4096, 4096)
ONE = one_pass(SIZES)
THREE = three_pass(SIZES)
MAPPING = mapped("binding", SIZES, tiles=4)
GROUP = MAPPING.groups[0]


def found(group: Group, workload=ONE, machine=MACHINE, mapping=MAPPING) -> tuple[str, ...]:
    return group_faults(workload, machine, mapping, group)


@pytest.mark.parametrize("configuration", ["binding", "architecture", "cascade", "flat", "wide"])
def test_published_mappings_are_legal(configuration):
    names = {"flat": "flat", "cascade": "flat_one_pass"}
    machine = arch.find(names.get(configuration, "fusemax"))
    sizes = replace(SIZES, tile=512) if configuration == "wide" else SIZES
    workload = three_pass(sizes) if configuration == "flat" else one_pass(sizes)
    check_legal(workload, machine, mapped(configuration, sizes, tiles=4))


def test_one_judge_tells_the_group():
    group = replace(GROUP, loops=(Loop("x", 1),))
    assert faults(ONE, MACHINE, replace(MAPPING, groups=(group,)))[0].startswith(
        'group "attention": no Einsum has the rank x; ranks are g, m1, m0, p, e, f'
    )


def test_loops():
    loops = (Loop("p", 256), Loop("p", 512), Loop("m1", 0), Loop("p", 1, "row", 0), Loop("g", 1))
    assert found(replace(GROUP, loops=loops, keeps=())) == (
        "loop over m1: the tile must be 1 or more, not 0",
        "loops over p: tiles must shrink inward, not from 256 to 512",
        "loops along arrays must be innermost",
    )


def test_arrays():
    loops = (
        *GROUP.temporal, Loop("p", 1, "row", 1), Loop("m0", 1, "square", 1),
        Loop("p", 1, "square", 1), Loop("f", 0, "x", 0),
    )  # fmt: skip
    assert found(replace(GROUP, loops=loops))[0] == "loop over f: the tile must be 1 or more, not 0"
    loops = (*loops[:-1], Loop("f", 1, "x", 0))
    assert found(replace(GROUP, loops=loops)) == (
        "loop over p: there is no array axis row[1]; axes: square[0], square[1], row[0]",
        "two loops run along square[1]",
        "loop over f: there is no array axis x[0]; axes: square[0], square[1], row[0]",
    )
    wide = (Loop("g", 1), Loop("p", 300), Loop("m1", 1), Loop("p", 1, "row", 0))
    assert found(replace(GROUP, loops=wide))[0] == (
        "loop over p: 300 pieces along row[0], which has 256 copies"
    )


def test_array_that_cannot_add_up():
    machine = MACHINE.with_changes("square", {"reduces": False})
    assert found(GROUP, machine=machine) == tuple(
        f'Einsum "{name}" is combined over m0, which square cannot'
        for name in ("LM", "SLD", "SLNV")
    )


def test_phases():
    first, *rest = GROUP.phases
    twice = Phase({SQUARE: (*first.steps[SQUARE], "RM", "x"), ROW: first.steps[ROW]})
    assert found(replace(GROUP, phases=(twice, *rest), lags={"AV": -1})) == (
        'Einsum "RM" must be in one phase, not in 2',
        f'Einsum "RM" is bound to {ROW}, its phase runs it on {SQUARE}',
        '"x" is in a phase or lags behind, but not in the group',
        'Einsum "AV" must lag 0 tiles or more, not -1',
    )


def test_phases_read_what_is_made():
    lags = {**GROUP.lags, "SLNV": 0}
    assert found(replace(GROUP, lags=lags)) == (
        'Einsum "SLNV" reads "SLN" 3 phases before it is made',
    )


def test_running_values_need_tiles_between():
    """With one tile of queries the sum of a tile would be read before it is made."""
    mapping = mapped("binding", SIZES, tiles=1)
    assert found(mapping.groups[0], mapping=mapping) == (
        'Einsum "SPD" reads "RD" 2 phases before it is made',
        'Einsum "SPNV" reads "RNV" 1 phases before it is made',
    )


def test_three_passes_cannot_be_walked_in_one():
    mapping = mapped("flat", SIZES)
    group = mapping.groups[0]
    loops = (*group.temporal, Loop("m", 256), Loop("m", 1, "row", 0))
    kept = tuple(Keep("buffer", name, 2) for name in ("GM", "SD", "AV"))
    assert found(replace(group, loops=loops, keeps=kept), THREE, arch.find("flat"), mapping) == (
        'Einsum "SN" needs results that are whole only after the last tile along m, and runs in '
        "each of them",
        'Einsum "SD" needs results that are whole only after the last tile along m, and runs in '
        "each of them",
        'Einsum "A" needs results that are whole only after the last tile along m, and runs in '
        "each of them",
        'Einsum "AV" needs results that are whole only after the last tile along m, and runs in '
        "each of them",
    )


def test_keeps():
    keeps = (
        Keep("dram", "Q", 0), Keep("buffer", "x", 0), Keep("buffer", "K", 9),
        Keep("buffer", "V", 3), Keep("buffer", "V", 3), Keep("buffer", "RNV", 4),
    )  # fmt: skip
    assert found(replace(GROUP, keeps=keeps)) == (
        '"Q": "dram" is no memory of the chip; it has buffer, square_registers, row_registers',
        '"x" is kept, but no Einsum of the group reads or makes it',
        '"K": the position must be from 0 to 4, not 9',
        '"V" is kept twice in buffer',
        '"RNV" is needed again in the next tile along m1: buffer must keep it from position 2 on, '
        "not 4",
    )


def test_capacity_counts_places_and_lines():
    machine = MACHINE.with_scratchpad(512 * 1024)
    # Q comes from outside in two places, state has one, a tile and what waits for it has two.
    assert found(GROUP, machine=machine) == (
        "buffer would keep 644.5 KiB (Q 256 KiB, RM 2.5 KiB, RD 2 KiB, RNV 128 KiB, K 64 KiB, "
        "V 64 KiB, SLNV 64 KiB, SPNV 64 KiB), it has 512 KiB",
    )


def test_registers_hold_one_piece_of_each_copy():
    sizes = Sizes(2, 64, 4096, 4096, tile=2048)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes, tiles=4)
    assert found(mapping.groups[0], workload, mapping=mapping) == (
        "square_registers would keep 48 B (QK 32 B, SLN 16 B), it has 32 B",
    )


def test_buffer_of_one_pass_is_the_same_at_any_length():
    machine = MACHINE.with_scratchpad(1)
    told = set()
    for exponent in range(10, 21):
        sizes = Sizes(768, 64, 2**exponent, 2**exponent)
        workload = one_pass(sizes)
        mapping = mapped("binding", sizes, tiles=4)
        told.add(found(mapping.groups[0], workload, machine, mapping))
    assert len(told) == 1


def test_group_of_no_unit():
    mapping = Mapping("unfused", MAPPING.order, groups=(Group("g", ("QK", "LM")),))
    assert found(mapping.groups[0], mapping=mapping) == tuple(
        f'Einsum "{name}": architecture "fusemax" has 2 compute units: {SQUARE}, {ROW}; '
        f'name one, as in [bindings] "{name}" = "{SQUARE}"'
        for name in ("QK", "LM")
    )


def test_einsum_that_streams_alone_needs_no_unit():
    mapping = Mapping("unfused", MAPPING.order, groups=(Group("g", ("QK",)),))
    assert found(mapping.groups[0], mapping=mapping) == ()
