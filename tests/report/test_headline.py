from tests.report.sample import accuracy, document, hardware, when

from netwright.report import Document
from netwright.report.headline import headline
from netwright.report.numbers import THIN


def cards(found: Document) -> dict[str, tuple[str, str]]:
    return {card.name: (card.value.replace(THIN, " "), card.note) for card in headline(found)}


def test_cards_follow_from_what_the_document_holds():
    assert headline(Document(name="a", title="b")) == []
    found = cards(Document(name="a", title="b", when=when()))
    assert list(found) == ["date", "commit", "machine"]
    assert found["date"] == ("2026-01-02", "03:14 UTC")
    assert found["commit"] == ("012345678", "netwright 0.1.0")
    assert found["machine"][0] == "A processor of the sample"


def test_accuracy_carries_its_binomial_error():
    row = accuracy("integer graph", 0.75, None, (1,))
    found = cards(Document(name="a", title="b", accuracy=(row,)))
    value, note = found["accuracy, integer graph"]
    assert value == "75.00 ± 0.31 %"
    assert note.replace(THIN, " ") == "± binomial error of 20 000 rows"


def test_latency_card_names_its_network():
    found = cards(Document(name="a", title="b", tables=hardware()))
    name = (
        "latency at the largest clock frequency: network of tables, placed and routed on ecp5-85k"
    )
    assert found[name][0] == "293.6 ns at 61.3 MHz"
    assert "not met" in found[name][1]
    assert found["lookup tables of the network of tables on ecp5-85k"][0] == "15 512 LUT4"


def test_design_that_was_not_routed_has_no_latency_card():
    made = hardware().model_copy(update={"routing": None})
    assert not any("latency" in name for name in cards(Document(name="a", title="b", tables=made)))


def test_claims_are_counted_by_verdict():
    found = cards(Document(name="a", title="b", claims=document().claims))
    assert found["claims: reproduced"][0] == found["claims: not-attempted"][0] == "1 of 2"
