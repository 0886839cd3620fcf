"""What hardware refuses of any policy, said before it is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import ConfigError, UnsupportedOp
from netwright.flows import load_flow
from netwright.run import execute
from tests.flows.test_control import FLOW, write

pytest.importorskip("stable_baselines3", reason="needs the extra rl")


@pytest.mark.parametrize(
    ("rtl", "kind", "told"),
    [
        ("{ shared = { lanes = 2 } }", UnsupportedOp, '"tanh": operator "Lookup" is not supported'),
        ("{ reuse_factor = { body_9 = 2 } }", ConfigError, 'reuse_factor names "body_9", which is'),
    ],
)
def test_what_hardware_refuses_is_said_before_anything_is_trained(
    rtl: str, kind: type[Exception], told: str, tmp_path: Path
) -> None:
    flow = load_flow(write(tmp_path, FLOW.replace("{ reuse_factor = 4 }", rtl)))
    with pytest.raises(kind, match=told):
        execute(flow, tmp_path / "run")
    assert not list((tmp_path / "run").glob("stages/*"))
