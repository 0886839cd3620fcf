from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from netwright.errors import ConfigError, VerificationError
from netwright.ir import Array, Graph, Interpreter, Node, TensorType
from netwright.verify import (
    Equivalence,
    Stimulus,
    bit_exact,
    certify,
    corners,
    flip_weight_bit,
    random,
)
from tests.verify.graphs import Shy, convolutional, dense


class Altered:
    """An interpreter whose outputs are changed afterwards."""

    def __init__(self, graph: Graph, *, shape: tuple[int, ...] | None = None, lost: bool = False):
        self.graph, self.shape, self.lost, self.calls = graph, shape, lost, 0

    def run(self, inputs: np.ndarray, *, keep: Collection[str] = ()) -> dict[str, Array]:
        self.calls += 1
        (name,) = self.graph.outputs
        found = dict(Interpreter.of(self.graph).run(inputs, keep=list(keep)))
        if self.lost:
            del found[name]
        elif self.shape is not None:
            found[name] = np.zeros(self.shape, dtype=np.int64)
        elif self.calls == 1:
            found[name] = found[name] + 1
        return found


@pytest.mark.parametrize("graph", [dense(), convolutional()])
def test_a_graph_equals_itself(graph: Graph) -> None:
    stimulus = random(graph, rows=5000)
    result = bit_exact(graph, Interpreter.of(graph), stimulus)
    assert result.holds
    assert (result.rows, result.identical, result.first) == (5000, 5000, None)
    assert (result.candidate, result.stimulus) == ("Interpreter", "random")
    assert result.seconds > 0
    assert result.require() is result


def test_the_first_difference_is_located() -> None:
    graph = dense()
    faulty = flip_weight_bit(graph, "fc2_weight", (1, 3), bit=0)
    stimulus = random(graph, rows=9000)
    result = bit_exact(graph, Interpreter.of(faulty), stimulus, name="faulty")
    outputs = [Interpreter.of(g).run(stimulus.inputs)["fc3_sum"] for g in (graph, faulty)]
    differs = (outputs[0] != outputs[1]).any(axis=1)
    assert result.identical == int((~differs).sum())
    assert result.first is not None
    assert result.first.row == int(np.flatnonzero(differs)[0])
    sums = [
        Interpreter.of(g).run(stimulus.inputs[[result.first.row]], keep=["fc2_sum"])["fc2_sum"]
        for g in (graph, faulty)
    ]
    assert result.first.index == (3,)
    assert (result.first.expected, result.first.got) == (sums[0][0, 3], sums[1][0, 3])
    with pytest.raises(VerificationError) as caught:
        result.require()
    assert str(caught.value) == (
        f"faulty differs from the graph in {9000 - result.identical} of 9000 rows (random): "
        f'"fc2" row {result.first.row} index [3]: expected {result.first.expected}, '
        f"got {result.first.got}; {result.first.cause}"
    )


def test_a_difference_in_the_second_chunk_is_found() -> None:
    graph = dense()
    faulty = flip_weight_bit(graph, "fc2_weight", (1, 3), bit=3)
    parted = random(graph, rows=500).inputs
    alone = bit_exact(graph, Interpreter.of(faulty), parted).first
    assert alone is not None
    assert alone.row > 0
    agreed = np.resize(parted[: alone.row], (4500, 6))  # rows before it, over a whole chunk
    result = bit_exact(graph, Interpreter.of(faulty), np.concatenate([agreed, parted]))
    assert result.first is not None
    assert result.first.row == 4500 + alone.row
    assert 4500 <= result.identical < 5000


@pytest.mark.parametrize("layer", ["fc1_weight", "fc2_weight", "fc3_weight"])
def test_the_cause_is_the_same_where_tensors_are_looked_at_in_groups(
    layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netwright.verify import compare

    graph = dense()
    faulty = Shy(flip_weight_bit(graph, layer, (1, 1), bit=0), ("Requantize",))
    stimulus = random(graph, rows=40)
    whole = bit_exact(graph, faulty, stimulus).first
    monkeypatch.setattr(compare, "in_groups", lambda items, size: ((item,) for item in items))
    assert bit_exact(graph, faulty, stimulus).first == whole
    assert whole is not None
    assert "weights: weight" in whole.cause


def test_tensors_of_another_shape_are_not_compared() -> None:
    """A candidate may use another layout inside; its outputs decide."""
    graph = dense()

    class Transposed(Shy):
        def run(self, inputs: np.ndarray, *, keep: Collection[str] = ()) -> dict[str, Array]:
            found = dict(Interpreter.of(self.graph).run(inputs, keep=list(keep)))
            return {n: v if n in graph.outputs else v[:, None] for n, v in found.items()}

    faulty = flip_weight_bit(graph, "fc1_weight", (2, 5), bit=3)
    result = bit_exact(graph, Transposed(faulty), random(graph, rows=500))
    assert result.first is not None
    assert result.first.node == "fc3"


@pytest.mark.parametrize(
    ("changed", "found"),
    [({"shape": (20, 2)}, "(20, 2)"), ({"lost": True}, "nothing")],
)
def test_missing_and_misshapen_outputs_are_named(changed: dict, found: str) -> None:
    graph = dense()
    with pytest.raises(VerificationError) as caught:
        bit_exact(graph, Altered(graph, **changed), random(graph, rows=20), name="dut")
    assert str(caught.value) == f'dut returned {found} for output "fc3_sum", not (20, 3)'


def test_a_candidate_that_changes_its_mind_is_named() -> None:
    graph = dense()
    with pytest.raises(VerificationError) as caught:
        bit_exact(graph, Altered(graph), random(graph, rows=20))
    assert str(caught.value) == (
        "the candidate gave two different results for the same rows of random: output "
        '"fc3_sum" of row 0 differed at first and agrees now'
    )


def test_nothing_is_never_equal() -> None:
    with pytest.raises(ConfigError) as caught:
        bit_exact(dense(), Interpreter.of(dense()), np.zeros((0, 6)))
    assert str(caught.value) == 'stimulus "inputs" has no rows'
    assert not Equivalence("a", "b", 0, 0, None, 0.0).holds


def test_a_real_graph_is_refused() -> None:
    types = {name: TensorType((1, 2)) for name in "xy"}
    real = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(ConfigError) as caught:
        bit_exact(real, Interpreter.of(real), np.zeros((3, 2)))
    assert str(caught.value) == (
        'graph "g" is not in integer form\nhint: lower it with netwright.passes.integerize first'
    )


def test_certify_makes_the_stage_table_and_limits_slow_candidates() -> None:
    graph = dense()
    stimuli = [random(graph, rows=50), corners(graph), Stimulus("empty", np.zeros((0, 6)))]
    candidates = {"fast": Interpreter.of(graph), "slow": Shy(graph)}
    seen: list[tuple[float, float, str]] = []
    table = certify(
        graph, candidates, stimuli, row_limits={"slow": 7}, progress=lambda *step: seen.append(step)
    )
    assert [(r.candidate, r.stimulus, r.rows) for r in table] == [
        ("fast", "random", 50),
        ("fast", "corners", len(stimuli[1].inputs)),
        ("slow", "random", 7),
        ("slow", "corners", 7),
    ]
    assert seen[0] == (1, 6, "fast on random: 50 of 50 equal")
    assert len(seen) == len(table)
    assert all(result.holds for result in table)


def test_several_outputs_all_count() -> None:
    graph = replace(dense(), outputs=("fc3_sum", "fc1_out"))
    faulty = flip_weight_bit(graph, "fc1_weight", (2, 5), bit=3)
    reference, same_logits = (
        replace(g, constants={**g.constants, "fc2_weight": np.zeros((8, 7), dtype=np.int64)})
        for g in (graph, faulty)
    )
    result = bit_exact(reference, Interpreter.of(same_logits), random(graph, rows=500))
    assert not result.holds
