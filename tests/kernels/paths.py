"""The paths of the kernels, for tests that run once for each."""

from __future__ import annotations

import pytest

from netwright.kernels.isa import ISAS, available_isas

COMPILED = [
    pytest.param(
        isa,
        marks=pytest.mark.skipif(
            isa not in available_isas(), reason=f"this installation or processor has no {isa}"
        ),
    )
    for isa in ISAS
    if isa != "numpy"
]
"""Every compiled path; those that cannot run here are skipped, and say so."""
