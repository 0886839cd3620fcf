from __future__ import annotations

from netwright.workload.cascade.syntax import Text, read_statement
from netwright.workload.cascade.tokens import statements


def test_statement_keeps_what_is_written():
    (words,), _ = statements("scores: QK[m + 1, p] = add(e f: exp(sqrt(Q[2*e - 1, p] * K[last])))")
    text = Text()
    read_statement(words, text)
    (defined,) = text.defined
    assert (defined.label.text, defined.output.name.text) == ("scores", "QK")
    assert (defined.map_op, defined.unary, defined.reduce_op) == (
        "multiply",
        ("sqrt", "exp"),
        "add",
    )
    assert [rank.text for rank in defined.reduced] == ["e", "f"]
    first = defined.operands[0].index[0]
    assert [(rank.text, step) for rank, step in first.terms] == [("e", 2)]
    assert (first.offset, defined.operands[1].index[0].is_last) == (-1, True)
