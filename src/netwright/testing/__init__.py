"""Conformance suites: what a number format, a pattern or another part of your own must pass.

A suite is a class of tests. Inherit it in a test file of your own, name your parts, and pytest
collects the tests.
"""

from netwright.testing.backends import BackendSuite
from netwright.testing.environments import EnvironmentSuite
from netwright.testing.formats import NumberFormatSuite, PatternSuite
from netwright.testing.operators import OperatorCase, OperatorSuite
from netwright.testing.proposers import ProposerSuite
from netwright.testing.tasks import TaskSuite

__all__ = [
    "BackendSuite",
    "EnvironmentSuite",
    "NumberFormatSuite",
    "OperatorCase",
    "OperatorSuite",
    "PatternSuite",
    "ProposerSuite",
    "TaskSuite",
]
