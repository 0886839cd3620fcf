from __future__ import annotations

from netwright import arch
from netwright.mapping.stages import slack, stages
from netwright.mapping.tiles import equal_tiles
from tests.cost.attention import Sizes, mapped, one_pass


def published(tokens: int = 1024):
    sizes = Sizes(1, 64, tokens, 512)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    group = mapping.groups[0]
    found = stages(workload, arch.find("fusemax"), mapping, group)
    return {stage.einsum.name: stage for stage in found}, group, sizes


def test_steps_of_a_tile():
    found, group, sizes = published()
    tiles = equal_tiles(sizes.extents, group.temporal)[0]
    steps = {name: stage.steps(stage.sizes(tiles)) for name, stage in found.items()}
    assert steps == {
        "QK": 64, "LM": 1, "RM": 1, "SLN": 7, "SLD": 1, "SLNV": 64, "PRM": 7, "SPD": 1, "RD": 1,
        "SPNV": 64, "RNV": 64, "AV": 64,
    }  # fmt: skip
    assert found["QK"].copies(found["QK"].sizes(tiles)) == 65536
    assert found["RM"].copies(found["RM"].sizes(tiles)) == 256
    assert found["LM"].passing_steps(found["LM"].sizes(tiles)) == 256
    assert found["RM"].passing_steps(found["RM"].sizes(tiles)) == 0


def test_what_does_not_know_a_rank_runs_in_its_last_tile():
    found, group, sizes = published()
    runs = {
        name: sum(t.count for t in equal_tiles(sizes.extents, group.temporal) if stage.runs_in(t))
        for name, stage in found.items()
    }
    assert runs["QK"] == 4 * 2
    assert runs["AV"] == 2


def test_slack_counts_phases_between_a_tile_and_its_reader():
    found, _, _ = published()
    assert slack(found["QK"], found["LM"], 4) == 0
    assert slack(found["LM"], found["RM"], 4) == 5
    assert slack(found["SLNV"], found["RNV"], 4) == 5
