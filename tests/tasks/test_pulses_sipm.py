from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from netwright.errors import ConfigError, MissingExtra, NumericsError
from netwright.tasks import Law, Noise, draw
from netwright.tasks.pulses_sipm import Sipm


@pytest.fixture
def law():
    pytest.importorskip("SiPM", reason="the extra pulses is not installed")
    return Law(Sipm(), noise=Noise(snr_db=80.0))


def test_pulses_scatter_about_the_mean_pulse_by_their_photons(law):
    found = draw(law, 150, seed=1)
    heights = found.clean.max(axis=1) / found.amplitudes
    assert heights.mean() == pytest.approx(1.0, abs=0.03)
    # photons and crosstalk: about 1/sqrt(1100), and more
    assert 0.02 < heights.std() < 0.09
    times = np.arange(64) * 4.0 - found.times_ns[:, None]
    mean = (found.clean / found.amplitudes[:, None]).mean(axis=0)
    assert mean == pytest.approx(law.shape.value(times - 2.0).mean(axis=0), abs=0.03)


def test_jitter_of_another_kind_is_refused(law):
    with pytest.raises(ConfigError, match="jitter of their own: clock_ns and stretch must be 0"):
        law.under("stretched")


def test_light_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="photons must be from 10 to 20000, not 0"):
        Sipm(0)


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "SiPM", None)
    with pytest.raises(MissingExtra, match="pulses of a silicon photomultiplier"):
        Sipm()


def test_an_event_that_is_not_finite_is_drawn_again(law, monkeypatch):
    import SiPM

    sensor, calls = SiPM.SiPMSensor, []

    class Odd:
        def __init__(self, properties):
            self.sensor = sensor(properties)

        def __getattr__(self, name):
            return getattr(self.sensor, name)

        def signal(self):
            calls.append(1)
            made = np.asarray(self.sensor.signal().waveform())
            wave = made * np.nan if len(calls) == 2 else made
            return SimpleNamespace(waveform=lambda: wave)

    monkeypatch.setattr(SiPM, "SiPMSensor", Odd)
    assert np.all(np.isfinite(draw(law, 3, seed=1).clean))
    assert len(calls) == 4
    monkeypatch.setattr(np, "isfinite", lambda wave: np.zeros_like(wave, bool))
    with pytest.raises(NumericsError, match="no finite signal of"):
        draw(law, 1, seed=1)
