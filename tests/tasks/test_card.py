"""Data cards: written, read and refused."""

from __future__ import annotations

from pathlib import Path

from netwright.tasks.card import Card, format_card, read_card

from .test_jets import message_of


def test_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = Card(
        title='with "quotes", \\ and ü\x7f',
        recipe="two\nlines",
        synthetic=False,
        sha256="ab",
        cuts=("one", "two"),
        license="free",
        remarks=("a remark",),
        seeds={"simulation": 2**62, "odd key": 1},
        counts={"g": 3},
        versions={"numpy": "2.0"},
    )
    path = tmp_path / "card.toml"
    path.write_text(format_card(card), encoding="utf-8")
    assert read_card(path) == card


def test_card_faults_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('title = 3\nrecipe = ""\nsynthetic = "yes"\ncolor = 1\ncuts = [1]\nseeds = 2\n')
    assert message_of(lambda: read_card(path)) == (
        f'{path}: unknown field "color"; field "sha256" is missing; '
        'field "title" must be a string, not 3; '
        "field \"synthetic\" must be true or false, not 'yes'; "
        'field "cuts" must be a list of strings, not [1]; '
        'field "seeds" must be a table of int values\n'
        "hint: a data card is TOML with title, recipe, synthetic and sha256; "
        "see docs/tasks-jets.md"
    )
