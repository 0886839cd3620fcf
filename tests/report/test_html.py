from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from tests.report.sample import document, hardware, share

from netwright.quantities import Quantity
from netwright.report import (
    AccuracyRow,
    CertificateRow,
    ClaimRow,
    DataInput,
    DataSection,
    Document,
    Fact,
    FrontPoint,
    PlanRow,
    Rewrite,
    RocCurve,
    SensitivityRow,
    Spread,
    When,
)
from netwright.report.html import render

HOSTILE = '"><script>alert(1)</script>--><!-- ]]> $\\frac{ {{ 7*7 }} & \u202e\x7f 漢'
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Tags, links and identifiers of a page; fails if tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.links.append(value)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@cache
def whole_page() -> str:
    """The page with every section and picture."""
    return render(document())


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_page_is_well_formed_and_self_contained():
    text = whole_page()
    page = parsed(text)
    assert page.tags.count("svg") == 17
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    addresses = set(re.findall(r"https?://[^\s\"'<)]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text


def test_page_is_deterministic():
    assert render(document()) == whole_page()


def test_page_without_pictures_is_unchanged(golden):
    sample = document()
    pictures = {"roc", "training", "sensitivities", "plan", "front", "certificate"}
    bare = hardware().model_copy(update={"layers": (), "routing": None})
    sections = {
        **dict.fromkeys(pictures, ()),
        "hardware": bare,
        "tables": None,
        "confusion": None,
        "designs": (),
    }
    golden("report/page.html", render(sample.model_copy(update=sections)))


def test_every_section_is_present():
    text = whole_page()
    for heading in (
        "Task", "Accuracy", "Sensitivity of the layers", "Bit plan", "Accuracy against cost",
        "Certificate of equality", "Hardware", "Design", "Published claims",
        "Assumptions", "Provenance",
    ):  # fmt: skip
        assert f"<h2>{heading}</h2>" in text


def test_growth_of_the_loss_is_listed_with_fidelity_and_source():
    text = whole_page()
    assert "growth of the loss when what the layer reads has</th>" in text
    row = '<tr><td>fc1 <span class="tag measured">measured</span></td><td class="number">0.13</td>'
    assert row in text
    assert "Source: training split, 8192 jets." in text


def test_growth_of_some_widths_and_layers_only():
    first, second, *others = document().sensitivities
    first = first.model_copy(update={"input_growth": {2: share(-0.5)}})
    second = second.model_copy(update={"input_growth": {}})
    page = Document(name="a", title="b", sensitivities=(first, second, *others))
    text = render(page)
    parsed(text)
    assert '<td class="number">-0.5</td><td class="number">–</td>' in text
    assert text.count("<tr><td>fc2 ") == 0


def test_growth_of_many_layers_is_listed_and_not_drawn():
    row = document().sensitivities[0]
    rows = tuple(row.model_copy(update={"layer": f"fc{i}"}) for i in range(8))
    text = render(Document(name="a", title="b", sensitivities=rows))
    assert parsed(text).tags.count("svg") == 1
    assert "<tr><td>fc7 " in text


def test_sensitivities_without_growth_have_no_table_of_it():
    rows = tuple(row.model_copy(update={"input_growth": {}}) for row in document().sensitivities)
    text = render(Document(name="a", title="b", sensitivities=rows))
    assert "growth of the loss" not in text


def test_empty_document_has_no_sections():
    page = parsed(render(Document(name="empty", title="Nothing yet")))
    assert "section" not in page.tags
    assert "svg" not in page.tags


def test_hostile_names_are_escaped_everywhere():
    text = render(_hostile())
    page = parsed(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text


def test_failed_certificate_says_so():
    row = CertificateRow(
        stage="HLS emulation",
        against="integer graph",
        stimuli="ties",
        num_rows=10,
        num_identical=9,
        difference="logits[3, 1]: 17, must be 18 (rounding)",
    )
    text = render(Document(name="a", title="b", certificate=(row,)))
    assert "do not use this design" in text
    assert "First difference: logits[3, 1]: 17, must be 18 (rounding)" in text
    assert "Every integer" not in text


def test_every_figure_in_a_table_shows_its_fidelity():
    text = whole_page()
    assert text.count('<span class="tag measured">') > 10
    assert text.count('<span class="tag modelled">') > 10
    assert '<span class="tag assumed">' in text


def _hostile() -> Document:
    quantity = Quantity(0.5, HOSTILE, HOSTILE, "measured", 0.1)
    curve = RocCurve(
        label=HOSTILE,
        false_positive_rate=(0, 0.5, 1),
        true_positive_rate=(0, 0.7, 1),
        area=quantity,
    )
    return Document(
        name=HOSTILE,
        title=HOSTILE,
        task=HOSTILE,
        data=DataSection(
            name=HOSTILE,
            title=HOSTILE,
            recipe=HOSTILE,
            synthetic=None,
            license=HOSTILE,
            remarks=(HOSTILE,),
            rows={HOSTILE: 3},
            inputs=(
                DataInput(
                    name=HOSTILE,
                    shape=(1, 2),
                    codes=True,
                    spreads=(Spread(name=HOSTILE, low=0, mean=0, deviation=0, high=0),),
                ),
            ),
            output_shape=(1,),
            classes={HOSTILE: 3},
            loss=HOSTILE,
            score=HOSTILE,
            sha256=HOSTILE,
            digest=HOSTILE,
        ),
        accuracy=(AccuracyRow(stage=HOSTILE, accuracy=quantity),),
        roc=(curve,),
        sensitivities=(
            SensitivityRow(
                layer=HOSTILE,
                trace=quantity,
                num_parameters=1,
                num_probes=1,
                input_growth={4: quantity},
            ),
        ),
        plan=(
            PlanRow(
                layer=HOSTILE, weight_bits=4, input_bits=4, shape=(1,), num_weights=1, bops=quantity
            ),
        ),
        front=(
            FrontPoint(
                kind="uniform", label=HOSTILE, bops=share(9.0), accuracy=quantity, chosen=True
            ),
            FrontPoint(kind="float", label=HOSTILE, bops=share(9.0), accuracy=quantity),
        ),
        certificate=(
            CertificateRow(
                stage=HOSTILE,
                against=HOSTILE,
                stimuli=HOSTILE,
                num_rows=2,
                num_identical=1,
                difference=HOSTILE,
            ),
        ),
        rewrites=(Rewrite(node=HOSTILE, text=HOSTILE, error=quantity),),
        facts=(Fact(name=HOSTILE, value=HOSTILE), Fact(name=HOSTILE, value=quantity)),
        claims=(
            ClaimRow(
                id=HOSTILE,
                text=HOSTILE,
                published=quantity,
                ours=None,
                verdict="differs",
                why=HOSTILE,
            ),
        ),
        when=When(
            started=HOSTILE,
            finished=HOSTILE,
            machine=HOSTILE,
            system=HOSTILE,
            cores=1,
            commit=HOSTILE,
            seconds={HOSTILE: 1.0},
            versions={HOSTILE: HOSTILE},
        ),
        digests={HOSTILE: HOSTILE},
        assumptions=(HOSTILE,),
    )


def test_plans_with_less_training_are_said_to_have_it():
    text = whole_page()
    assert "had less training than the chosen one (20 epochs, 3 seeds): 10 epochs, 1 seed" in text
    assert "the sensitivity-blind choice is worse" in text


def test_settings_and_times_are_shown():
    text = whole_page()
    assert "epochs = 40" in text
    assert "Began 2026-01-02T03:04:05+00:00" in text
    assert "<b>train</b> 61.2" in text


def test_published_designs_are_spoken_of_where_there_are_some() -> None:
    whole = document()
    assert "Beside published designs" in render(whole)
    ours = tuple(point for point in whole.designs if point.lut.fidelity != "published")
    page = render(whole.model_copy(update={"designs": ours}))
    assert "Hollow: published" not in page
    assert "<h2>Size and accuracy</h2>" in page
