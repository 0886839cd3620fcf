from __future__ import annotations

import re

import pytest

from netwright.errors import ConfigError, GraphError
from netwright.workload.cascade import find, parse, write
from netwright.workload.passes import partitions, passes, rank_names
from tests.workload.cascade.random_cascades import random_text
from tests.workload.trace import trace


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_passes_and_footprint_equal_a_trace_of_random_cascades(first):
    for seed in range(first, first + 40):
        text = random_text(seed, partitioned=seed % 2 == 1)
        workload = parse(text)
        found, expected = passes(workload, "m"), trace(workload, partitions(workload, "m"))
        assert found.count == expected.passes, text
        assert {s.einsum: s.traversal for s in found.steps} == expected.traversal, text
        assert found.footprint == expected.footprint, text


@pytest.mark.parametrize(
    ("name", "rank", "count"),
    [
        ("attention_3pass", "m", 3),
        ("attention_2pass", "m", 2),
        ("attention_local_max", "m", 2),
        ("attention_1pass", "m", 1),
        ("attention_1pass", "p", 1),
        ("softmax", "m", 3),
        ("cross_entropy", "v", 2),
        ("layer_norm", "d", 3),
        ("layer_norm_moments", "d", 2),
        ("rms_norm", "d", 2),
    ],
)
def test_passes_of_published_cascades(name, rank, count):
    workload = find(name)
    found = passes(workload, rank)
    assert found.count == count
    assert len(found.reasons) == count - 1
    small = {r: 6 if r == found.rank[0] else 2 for e in workload.einsums for r in
             (own.name for own in e.ranks)}  # fmt: skip
    assert trace(find(name, extents=small), found.rank).passes == count


def test_reason_names_who_waits_for_what():
    assert passes(find("attention_local_max"), "m").reasons == (
        'traversal 2: "A" reads "SLN" along m1 and m0 together with "C", which comes from "PLM" '
        'from "GM"; that is complete only when "GM" has reduced m1, at the end of traversal 1',
    )
    assert passes(find("attention_3pass"), "m").reasons[1] == (
        'traversal 3: "A" reads "SN" along m together with "SD"; that is complete only when "SD" '
        "has reduced m, at the end of traversal 2"
    )


def test_levels_and_what_is_read_again():
    found = passes(find("attention_3pass"), "m")
    assert dict(found.levels) == {"QK": 1, "GM": 1, "SN": 2, "SD": 2, "A": 3, "AV": 3}
    assert found.read_again == ("QK", "SN")
    assert passes(find("attention_1pass"), "m").read_again == ()


@pytest.mark.parametrize("seed", range(20))
def test_names_do_not_matter(seed):
    text = write(parse(random_text(seed)))
    renamed = re.sub(r"\b([TX]\d)\b", r"some_\1", text)
    found, other = passes(parse(text), "m"), passes(parse(renamed), "m")
    assert (found.count, found.footprint) == (other.count, other.footprint)
    assert tuple(r.replace("some_", "") for r in other.reasons) == found.reasons


def test_ranks_by_name():
    assert rank_names(find("attention_1pass")) == ("m", "p", "e", "f")
    assert partitions(find("attention_1pass"), "m") == ("m1", "m0")
    assert partitions(find("attention_1pass"), "m0") == ("m0",)
    with pytest.raises(ConfigError) as caught:
        passes(find("softmax"), "q")
    assert str(caught.value) == '"softmax" has no rank "q"\nhint: ranks are p, m'


def test_iterations_that_each_go_over_the_rank_are_refused():
    text = (
        "rank i = 3, m = 4\ninput X[m]\ninitial R = 1\n"
        "S[i] = add(m: X[m] * R[i])\nR[i + 1] = R[i] + S[i]\n"
    )
    with pytest.raises(GraphError, match="every point of iterative rank i goes over m again"):
        passes(parse(text), "m")
    assert passes(parse(text), "i").count == 1


def test_long_cascades_are_analyzed_in_a_moment():
    lines = ["rank m = 1000000000, p = 4", "input X[m, p]", "T0[m, p] = exp(X[m, p])"]
    for index in range(100):
        lines.append(f"S{index}[p] = add(m: T{index}[m, p])")
        lines.append(f"T{index + 1}[m, p] = T{index}[m, p] / S{index}[p]")
    found = passes(parse("\n".join(lines)), "m")
    assert (found.count, found.live.kept) == (101, ())
    lines[2:] = ["T0[m, p] = exp(X[m, p])"]
    lines += [f"T{i + 1}[m, p] = T{i}[m, p] + T{max(0, i - 3)}[m, p]" for i in range(1000)]
    found = passes(parse("\n".join(lines)), "m")
    assert (found.count, found.footprint) == (1, 5 * 4)
