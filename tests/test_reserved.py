from __future__ import annotations

from netwright.escape import identifier
from netwright.reserved import RESERVED


def test_words_of_languages_are_in_it() -> None:
    assert {"module", "logic", "int", "template", "clk", "x_valid", "main", "errno"} <= RESERVED


def test_every_word_becomes_another_one() -> None:
    for word in RESERVED:
        assert identifier(word) == f"n_{word}"
        assert identifier(word.upper()) == f"n_{word.upper()}"
