from __future__ import annotations

import numpy as np
import pytest

from netwright import compress, models, tasks, train
from netwright.flows import pulse_views as views
from netwright.report.view_pictures import pictures


@pytest.fixture(scope="module")
def shown() -> views.Views:
    task = tasks.pulses(train_rows=500, validation_rows=50, test_rows=60)
    model = models.pulse_cnn(task, channels=(4, 4), hidden=8)
    shapes = compress.layer_shapes(model, task.input_shape)
    made = compress.apply(model, compress.uniform(shapes, weight_bits=8, activation_bits=16), task)
    sent = train.predict(made, task.test.inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "ROWS", 200)
        patch.setattr(views, "SNRS_DB", (30.0, 47.4))
        options = {"shape": "cr-rc", "snr_db": 47.4, "condition": "white"}
        return views.pulse_views(options, task, made, sent)


def test_pulses_are_shown_with_their_estimates(shown):
    pulses = shown.curves[:3]
    assert all("A pulse of amplitude" in curves.title for curves in pulses)
    heights = [max(curves.series["samples"]) for curves in pulses]
    assert heights == sorted(heights)
    for curves in pulses:
        assert len(curves.labels) == len(curves.series["pulse of the estimate"]) == 64
        assert list(filter(None, curves.labels)) == [str(32 * at) for at in range(8)]


def test_all_methods_are_compared_with_the_bound(shown):
    curves = shown.curves[3]
    assert curves.labels == ("30", "47.4")
    assert len(curves.series) == 6
    law = tasks.pulse_law(snr_db=47.4)
    assert curves.series[views.BOUND][1] == pytest.approx(tasks.averaged_bound(law).time_ps)
    fit = curves.series["template fit"]
    assert fit[1] == pytest.approx(curves.series[views.BOUND][1], rel=0.2)
    assert curves.errors["template fit"][1] == pytest.approx(2 * fit[1] / np.sqrt(400))


def test_both_snrs_and_the_kind_of_pulses_are_said(shown):
    assert shown.caption.startswith("SNR_peak 47.4 dB (SNR_pow 40.4 dB), noise of the task: white")
    assert "All pulses are simulated." in shown.caption


def test_every_picture_is_drawn(shown):
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    found = list(pictures(shown))
    assert len(found) == len(shown.curves) == 5
    assert all(picture.startswith("<svg") for picture in found)
