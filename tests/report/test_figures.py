from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from tests.report.sample import bops, document, share

from netwright.report import CertificateRow, PlanRow, SensitivityRow, figures


@pytest.mark.parametrize(
    ("paint", "section"),
    [
        (figures.roc, "roc"),
        (figures.sensitivities, "sensitivities"),
        (figures.input_growth, "sensitivities"),
        (figures.plan, "plan"),
        (figures.certificate, "certificate"),
    ],
)
def test_picture_is_one_deterministic_svg_element(paint, section):
    rows = getattr(document(), section)
    text = paint(rows)
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text == paint(rows)


def test_sensitivities_that_are_not_positive_are_drawn():
    rows = [
        SensitivityRow(layer=f"fc{i}", trace=share(value, 1.0), num_parameters=4, num_probes=9)
        for i, value in enumerate((-1.0, 0.0, 2.0))
    ]
    assert figures.sensitivities(rows).startswith("<svg")
    assert figures.sensitivities(rows[:1]).startswith("<svg")


def test_growth_that_is_not_positive_is_drawn():
    rows = [
        SensitivityRow(
            layer=f"fc{i}",
            trace=share(1.0),
            num_parameters=4,
            num_probes=9,
            input_growth={bits: share(value) for bits, value in growth.items()},
        )
        for i, growth in enumerate(({2: -1.0, 4: 0.0}, {2: 0.5, 8: 1e-9}, {}))
    ]
    assert figures.input_growth(rows).startswith("<svg")
    below = figures.input_growth(rows[:1])
    rows[0] = rows[0].model_copy(update={"input_growth": {2: share(-2.0), 4: share(0.0)}})
    assert figures.input_growth(rows[:1]) != below  # on a linear scale the line is there


def test_plan_of_many_and_wide_layers_is_drawn():
    rows = [
        PlanRow(
            layer=f"a rather long name of layer number {i}",
            weight_bits=i,
            input_bits=64 - i,
            shape=(3, 3),
            num_weights=9,
            bops=bops(0),
        )
        for i in range(40)
    ]
    assert figures.plan(rows).startswith("<svg")


def test_certificate_with_differences_and_gaps_is_drawn():
    rows = [
        _compared("graph", "test set", 10, 10),
        _compared("HLS emulation", "random", 10, 9),
        _compared("HLS emulation", "corners", 0, 0),
    ]
    assert figures.certificate(rows).startswith("<svg")


@pytest.mark.parametrize(("checked", "identical", "shown"), [(10, 10, 60), (10, 9, 60), (0, 0, 0)])
def test_many_stimuli_of_one_stage_share_a_field(checked: int, identical: int, shown: int) -> None:
    common = [_compared(stage, "test set", 10, 10) for stage in ("graph", "chip")]
    many = [_compared("chip", f"weights {i}", 10, 10) for i in range(5)]
    many.append(_compared("chip", "weights 5", checked, identical))
    wanted = [*common, _compared("chip", "others", shown, min(shown, 50 + identical))]
    assert figures.certificate([*common, *many]) == figures.certificate(wanted)
    other = [*common, _compared("chip", "others", 30, 30)]
    assert figures.certificate([*common, *many[:3]]) != figures.certificate(other)


def _compared(stage: str, stimuli: str, num_rows: int, num_identical: int) -> CertificateRow:
    return CertificateRow(
        stage=stage,
        against="torch",
        stimuli=stimuli,
        num_rows=num_rows,
        num_identical=num_identical,
    )
