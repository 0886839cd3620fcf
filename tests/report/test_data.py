"""The data of a report, of tasks of every kind."""

from __future__ import annotations

from tests.report.sample import data, document

from netwright.report import DataInput, Spread
from netwright.report.html import render


def test_a_classification_shows_classes_and_columns() -> None:
    page = render(document()).replace("\u202f", " ")
    assert "Split 70 000 / 10 000 / 20 000 (train / validation / test)" in page
    assert "<td>j_mass_mmdt</td>" in page
    assert "80.5 ± 40.2" in page
    assert '<tr><td>quark</td><td class="number">14 000</td></tr>' in page
    assert "SHA-256 of the table abababababababab" in page


def test_a_reconstruction_of_images_shows_no_classes() -> None:
    spread = Spread(name="all values", low=0.0, mean=1.0, deviation=2.0, high=255.0)
    image = DataInput(name="image", shape=(1, 8, 8), codes=False, spreads=(spread,))
    section = data().model_copy(
        update={"classes": {}, "inputs": (image,), "output_shape": (48,), "synthetic": None,
                "score": "telescope (smaller is better)", "sha256": ""}
    )  # fmt: skip
    page = render(document().model_copy(update={"data": section, "task": ""}))
    assert "1 × 8 × 8" in page
    assert "48 values" in page
    assert "data of unknown origin." in page
    assert "training rows" not in page
    assert "SHA-256 of the table not known" in page
