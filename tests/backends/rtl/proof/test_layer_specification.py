from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.cells.circuit import Layer
from netwright.backends.rtl.proof.layer_specification import RULES, LayerSpecification, claim_wire
from netwright.backends.rtl.unrolled.operators import OPERATORS
from netwright.errors import BackendError
from netwright.ir import Graph
from tests.backends.rtl.graphs import pooled_sums


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Layer]:
    folder: Path = tmp_path_factory.mktemp("pooled")
    design = rtl().generate(pooled_sums(), folder / "out")
    (layer,) = design.circuit.layers
    return design.graph, layer


def test_every_operator_has_a_specification() -> None:
    assert RULES.keys() == OPERATORS.keys()


def test_a_product_is_its_wire(pooled: tuple[Graph, Layer]) -> None:
    graph, layer = pooled
    output = graph.nodes[1].output
    _, term = LayerSpecification(graph, layer, {}).element(output, 4, frozenset())
    claim = next(c for c in layer.claims if (c.node, c.index) == (graph.nodes[1].name, 4))
    assert term.source == claim_wire(claim)
    bias = int(graph.constants[graph.nodes[1].inputs[2]][0])
    assert term.offset == bias - term.factor * claim.offset


def test_what_a_pooling_reads_is_a_wire_of_its_own(pooled: tuple[Graph, Layer]) -> None:
    graph, layer = pooled
    made, term = LayerSpecification(graph, layer, {}).element(graph.nodes[3].output, 0, frozenset())
    read = {place.element for place in layer.settled if place.reader == graph.nodes[3].name}
    made.text(term)
    assert set(made.variables.values()) < read
    assert len(made.variables) == 4
    assert term.interval == (
        max(wire.interval[0] for wire in made.variables.values()),
        max(wire.interval[1] for wire in made.variables.values()),
    )


def test_a_claim_of_other_inputs_is_refused(pooled: tuple[Graph, Layer]) -> None:
    graph, layer = pooled
    first, *rest = layer.claims
    turned = replace(first, inputs=tuple(reversed(first.inputs)))
    wrong = replace(layer, claims=(turned, *rest))
    with pytest.raises(BackendError) as caught:
        LayerSpecification(graph, wrong, {}).element(graph.nodes[1].output, 0, frozenset())
    assert str(caught.value) == (f'node "conv_1": what is said of {first.wire} is not its product')


def test_a_claim_that_is_missing_is_refused(pooled: tuple[Graph, Layer]) -> None:
    graph, layer = pooled
    wrong = replace(layer, claims=())
    with pytest.raises(BackendError) as caught:
        LayerSpecification(graph, wrong, {}).element(graph.nodes[1].output, 0, frozenset())
    assert str(caught.value) == 'node "conv_1": no wire is said to be product 0'


def test_what_a_pooling_reads_must_be_said(pooled: tuple[Graph, Layer]) -> None:
    graph, layer = pooled
    wrong = replace(layer, settled=())
    with pytest.raises(BackendError) as caught:
        LayerSpecification(graph, wrong, {}).element(graph.nodes[3].output, 0, frozenset())
    assert str(caught.value) == 'node "maxpool_3": nothing is said to be element 0 it reads'
