import pytest
from pydantic import ValidationError

from netwright.report import Document
from netwright.report.html import render
from netwright.report.views import Curves, Views, WaferRow

VIEWS = Views(
    caption="the first 3 wafers",
    wafers=(
        WaferRow(
            title="inner, 9 cells",
            views={"measured": (0.5,) * 48, "decoded": (0.4,) * 48},
            notes={"decoded": "EMD 1.25"},
        ),
    ),
    curves=(
        Curves(
            title="Distance against bits",
            unit="cells",
            labels=("3", "9"),
            series={"ours": (2.0, None)},
            errors={"ours": (0.1, None)},
        ),
    ),
)


def test_views_are_drawn_below_their_caption_and_read_back() -> None:
    pytest.importorskip("matplotlib", reason="draws the views")
    document = Document(name="mine", title="mine", views=VIEWS)
    page = render(document)
    assert "<h2>What the network makes of the data</h2>" in page
    assert "the first 3 wafers" in page
    for title in ("Measured and decoded wafers", "Distance against bits"):
        assert f'aria-label="{title}"' in page
    changed = VIEWS.wafers[0].model_copy(update={"notes": {"decoded": "EMD 9.75"}})
    other = VIEWS.model_copy(update={"wafers": (changed,)})
    assert render(Document(name="mine", title="mine", views=other)) != page  # text is drawn
    assert Document.model_validate_json(document.to_json()) == document


def test_a_view_holds_no_unknown_value() -> None:
    with pytest.raises(ValidationError):
        WaferRow(title="x", views={"measured": (float("nan"),) * 48})
