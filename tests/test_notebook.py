from __future__ import annotations

from html.parser import HTMLParser

import pytest

from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType
from netwright.mapping import Mapping, Residency
from netwright.notebook import MAX_ROWS, table
from netwright.report import CertificateRow
from netwright.verify.compare import Equivalence
from tests.report.sample import document

HOSTILE = '"><script>alert(1)</script><b onclick=x>'


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)


def graph() -> Graph:
    types = {"x": TensorType((1, 2), Int(4)), "y": TensorType((1, 2), Int(4))}
    return Graph(HOSTILE, ("x",), ("y",), (Node(HOSTILE, "Relu", ("x",), "y"),), types, {})


@pytest.mark.parametrize(
    "value",
    [
        graph(),
        Mapping("fused", (HOSTILE,), (Residency(HOSTILE, HOSTILE, 0, 0, 0),)),
        Equivalence(HOSTILE, HOSTILE, 0, 0, None, 0.0),
        CertificateRow(
            stage=HOSTILE, against=HOSTILE, stimuli=HOSTILE, num_rows=1, num_identical=0
        ),
        document().model_copy(update={"title": HOSTILE}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_tables_without_anybody_elses_tags(value):
    text = value._repr_html_()
    assert Tags(text).found <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert "&lt;script&gt;" in text


def test_plan_and_estimate_are_tables():
    from netwright.compress import LayerPlan, Plan
    from netwright.cost import Estimate

    plan = Plan((LayerPlan(HOSTILE, 4, 5),))
    assert "<td>4</td><td>5</td>" in plan._repr_html_()
    estimate = Estimate(HOSTILE, 1.0, 2.0, 3, 0.5, "dram", {"dram": 4}, {}, {})
    assert "<td>bytes moved by dram</td><td>4</td>" in estimate._repr_html_()


def test_unequal_rows_are_said_to_be():
    text = Equivalence("HLS", "corners", 0, 0, None, 0.0)._repr_html_()
    assert "HLS and the graph on corners: DIFFERENT" in text


def test_long_tables_are_cut_and_counted():
    text = table("t", ["x"], ([number] for number in range(MAX_ROWS + 7)))
    assert text.count("<tr>") == MAX_ROWS + 2
    assert "and 7 more" in text
