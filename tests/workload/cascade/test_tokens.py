from __future__ import annotations

from netwright.workload.cascade.tokens import statements


def test_words_have_their_places_and_brackets_continue_a_line():
    found, faults = statements("# note\n\nA[m,\n  p] = 1.5e-3 # end\nB = A.x")
    assert not faults
    first, second = found
    places = [(word.text, word.line, word.column) for word in first]
    assert places == [
        ("A", 3, 1), ("[", 3, 2), ("m", 3, 3), (",", 3, 4), ("p", 4, 3), ("]", 4, 4), ("=", 4, 6),
        ("1.5e-3", 4, 8), ("", 4, 20),
    ]  # fmt: skip
    assert [word.text for word in second] == ["B", "=", "A.x", ""]


def test_foreign_characters_spoil_their_line_only():
    found, faults = statements("A = B @ C\nD = E")
    assert [str(fault) for fault in faults] == [
        "line 1, column 7: '@' has no meaning; names are letters, digits, _"
    ]
    assert [word.text for word in found[-1]] == ["D", "=", "E", ""]
