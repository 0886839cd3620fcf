"""Beam lines, machines with faults, controllers, and the closed loop that compares them.

>>> import numpy as np
>>> from netwright.tasks import beam
>>> machines = beam.Machines.draw(beam.CM1, 20, np.random.default_rng(1))
>>> found = beam.run_closed_loop(beam.AffinePlant(machines), beam.svd_controller(beam.CM1))
>>> found.share_below(1.0)
1.0
"""

from netwright.tasks.beam_control import (
    Broyden,
    ByPolicy,
    Controller,
    Episodes,
    Linear,
    Measured,
    Nothing,
    Policy,
    Random,
    run_closed_loop,
    svd_controller,
    without_trend,
)
from netwright.tasks.beam_line import CM1, CM2, BeamLine, Faults, Machines, find_line
from netwright.tasks.beam_plant import AffinePlant, Plant, least_rms, nominal_response, rms
from netwright.tasks.beam_process import OrbitLoop, Rules, observation, trend_reward

__all__ = [
    "CM1",
    "CM2",
    "AffinePlant",
    "BeamLine",
    "Broyden",
    "ByPolicy",
    "Controller",
    "Episodes",
    "Faults",
    "Linear",
    "Machines",
    "Measured",
    "Nothing",
    "OrbitLoop",
    "Plant",
    "Policy",
    "Random",
    "Rules",
    "find_line",
    "least_rms",
    "nominal_response",
    "observation",
    "rms",
    "run_closed_loop",
    "svd_controller",
    "trend_reward",
    "without_trend",
]
