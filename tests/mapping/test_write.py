from __future__ import annotations

from netwright import arch, cost, mapping
from netwright.mapping import Group, Keep, Loop, LoopNest, Mapping, Phase, Residency
from netwright.workload import Builder, fuse
from tests.cost.attention import WAYS, Sizes, mapped

HOSTILE = 'a"\n]b'


def read_back(found, folder):
    path = folder / "mapping.toml"
    path.write_text(mapping.write(found))
    return mapping.load(path)


def test_every_part_is_read_back(tmp_path):
    found = Mapping(
        "fused", ("a", HOSTILE, "c"), (Residency("x", "pad", 0, 1, 64),), {"a": "unit"},
        {"c": LoopNest((Loop("M", 2), Loop("M", 1, "grid", 1)), (Keep("pad", HOSTILE, 0),))},
        (Group("g", ("a", HOSTILE), (Loop("p", 4),), (Phase({"unit": ("a", HOSTILE)}),),
               (Keep("pad", "x", 1),), {"a": 2}),),
        places_weights=True,
    )  # fmt: skip
    again = read_back(found, tmp_path)
    assert again == Mapping(**{**fields(found), "bindings": {"a": "unit", HOSTILE: "unit"}})


def fields(found):
    return {name: getattr(found, name) for name in Mapping.__slots__}


def test_mappings_of_all_mappers_are_read_back_and_judged(tmp_path):
    b = Builder("net")
    x = b.linear(b.input((8, 6)), 4)
    network = fuse(b.finish(b.add(b.linear(x, 4), x)))
    pad = arch.find("scratchpad").with_scratchpad(4096)
    found = [
        mapping.cosma(network, pad, time_limit_s=5).mapping,
        mapping.fusion(network, pad).mapping,
        cost.estimate_network(network, pad).mapping,
    ]
    for own in found:
        assert read_back(own, tmp_path) == own
        mapping.check_legal(network, pad, read_back(own, tmp_path))


def test_published_mappings_are_read_back(tmp_path):
    for way in WAYS:
        found = mapped(way, Sizes(2, 64, 1024, 1024))
        assert read_back(found, tmp_path) == found
