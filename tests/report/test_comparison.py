from __future__ import annotations

from netwright.quantities import Quantity
from netwright.report import comparison_table
from netwright.report.comparison import ComparedRow, Comparison, render_comparison

HOSTILE = "<script>x</script>"


def found() -> Comparison:
    accuracy = tuple(Quantity(value, "", "test", "measured", 0.001) for value in (0.75, 0.76))
    return Comparison(
        runs=("one", HOSTILE),
        rows=(
            ComparedRow(section="settings", name="train.epochs", values=("5", None)),
            ComparedRow(section="accuracy", name="float", values=accuracy, remark="+1.00 points"),
            ComparedRow(section="certificate", name="verdict", values=("same", "same")),
        ),
    )


def test_what_differs_carries_a_star():
    *lines, legend = comparison_table(found()).splitlines()
    assert legend == "* the runs differ"
    assert [line[:1] for line in lines[2:]] == ["*", "*", " "]
    assert "+1.00 points" in lines[3]


def test_page_escapes_names():
    page = render_comparison(found())
    assert HOSTILE not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "75.00" in page
    assert HOSTILE not in found()._repr_html_()
