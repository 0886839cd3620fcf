from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from netwright import tasks
from netwright.errors import ConfigError, DataError
from netwright.tasks import pulse_estimates, pulse_inputs, pulse_law, pulse_samples, pulses
from netwright.testing import TaskSuite

small = partial(pulses, train_rows=400, validation_rows=60, test_rows=80)


class TestPulses(TaskSuite):
    makers = (
        lambda seed: small(seed=seed),
        lambda seed: small(seed=seed, shape="bi-exponential", condition="mixed", denoised=True),
    )


def test_two_lines_make_it():
    task = tasks.pulses(train_rows=100, validation_rows=50, test_rows=50)
    assert (task.input_shape, task.output_shape, task.loss) == ((1, 64), (2,), "pulses")
    assert str(task.score.unit) == "ps"


def test_inputs_are_codes_and_targets_are_the_truth():
    task, law = small(seed=5), pulse_law()
    codes = task.scaling["x"].raw(task.test.inputs)
    assert np.array_equal(codes, np.rint(codes))
    assert codes.max() <= 4095
    times, amplitudes = pulse_estimates(task.test.targets, law)
    assert 60 <= times.min() < times.max() <= 76
    assert 0.2 <= amplitudes.min() < amplitudes.max() <= 0.9
    samples = pulse_samples(task.test.inputs, law)
    fitted = tasks.template_fit(samples, law.shape, period_ns=4.0, start_ns=68.0)
    assert np.abs(fitted[0] - times).max() < 0.4
    assert np.abs(fitted[1] / amplitudes - 1).max() < 0.02


def test_samples_and_inputs_are_the_same_codes():
    law = pulse_law()
    drawn = tasks.draw(law, 20, seed=1)
    assert pulse_samples(pulse_inputs(drawn), law) == pytest.approx(drawn.samples, abs=1e-12)


def test_the_score_is_the_error_of_the_beginning_in_picoseconds():
    task = small(seed=5)
    late = task.test.targets.astype(np.float64)
    late[:, 0] += 0.025  # samples of 4 ns
    late[:, 1] -= 5.0
    assert task.evaluate(late) == pytest.approx(100.0, abs=0.01)


def test_pulses_without_noise_are_targets_where_they_are_asked_for():
    task, plain = small(seed=5, denoised=True), small(seed=5)
    assert task.output_shape == (66,)
    assert np.array_equal(task.test.inputs, plain.test.inputs)
    away = task.test.inputs[:, 0] - task.test.targets[:, 2:]
    assert np.abs(away).max() < 0.1
    assert away.std(axis=1).mean() == pytest.approx(4 * pulse_law().sigma, rel=0.1)


def test_the_card_says_both_snrs_and_the_bound():
    card = small(snr_db=30.0).card
    assert "SNR_peak 30.0 dB (SNR_pow 23.0 dB)" in card.title
    assert any("Cramér-Rao bound" in remark and "ps" in remark for remark in card.remarks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "square"}, 'shape must be cr-rc, bi-exponential, not "square"'),
        ({"snr_db": 500.0}, "snr_db must be from 0 to 120, not 500.0"),
        ({"condition": "fog"}, "condition must be white, stretched, flicker, wander, pile-up"),
        ({"train_rows": True}, "train_rows must be 1 to 4000000, not True"),
        ({"validation_rows": 1 << 40}, "validation_rows must be 1 to 4000000, not 1099511627776"),
        ({"test_rows": 0}, "test_rows must be 1 to 4000000, not 0"),
        ({"seed": -1}, "seed must be 0 to"),
    ],
)
def test_options_that_are_none_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        small(**options)


def test_outputs_of_another_shape_have_no_score():
    with pytest.raises(DataError):
        small().evaluate(np.zeros((80, 1)))
