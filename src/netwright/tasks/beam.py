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
from netwright.tasks.beam_search import Finder, Objective, Searches, nelder_mead, search_orbits

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
    "Finder",
    "Linear",
    "Machines",
    "Measured",
    "Nothing",
    "Objective",
    "OrbitLoop",
    "Plant",
    "Policy",
    "Random",
    "Rules",
    "Searches",
    "find_line",
    "least_rms",
    "nelder_mead",
    "nominal_response",
    "observation",
    "rms",
    "run_closed_loop",
    "search_orbits",
    "svd_controller",
    "trend_reward",
    "without_trend",
]
