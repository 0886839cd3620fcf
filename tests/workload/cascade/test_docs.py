"""The examples of docs/cascades.md run, and its figures are those that are derived."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netwright.workload.cascade import find, parse
from netwright.workload.passes import passes

PAGE = (Path(__file__).parents[3] / "docs" / "cascades.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(text|python)\n(.*?)```", PAGE, flags=re.DOTALL)


def test_python_examples_run(capsys):
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, "cascades.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown.startswith('2 6 () (\'traversal 2: "Y" reads "X"')
    assert "(4, 3) ()" in shown
    assert shown.endswith("\n2\n")


def test_cascades_of_the_page_are_read():
    scaled, running = (text for kind, text in BLOCKS if "input" in text and kind == "text")
    assert passes(parse(scaled), "m").count == 2
    assert parse(running, name="attention_1pass").einsums == find("attention_1pass").einsums


@pytest.mark.parametrize("row", re.findall(r"^\| `(attention_\w+)`(.*)$", PAGE, flags=re.MULTILINE))
def test_figures_of_the_table(row):
    name, rest = row
    _, number, short, long, _, _ = (cell.strip().replace(" ", "") for cell in rest.split("|"))
    for length, live in ((1 << 10, short), (1 << 20, long)):
        blocks = {"m1": length // 256} if "m1" in {r.name for e in find(name).einsums
                                                   for r in e.ranks} else {"m": length}  # fmt: skip
        found = passes(find(name, extents=blocks), "m")
        assert (found.count, found.footprint) == (int(number), int(live))
