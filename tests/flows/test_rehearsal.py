"""What hardware refuses of any policy or network, said before it is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import ConfigError, DoesNotFit, NetwrightError, UnsupportedOp
from netwright.flows import load_flow
from netwright.run import execute
from tests.flows.test_control import FLOW, write
from tests.flows.tiny import FLOW as TINY
from tests.flows.tiny import write_flow

PULSES = '{ kind = "pulses", train_rows = 500, test_rows = 100 }'
FLOWS = Path(__file__).parents[2] / "flows"


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


@pytest.mark.parametrize(
    ("rtl", "kind", "told"),
    [
        ('rtl = { reuse_factor = { fc9 = 2 } }', ConfigError, 'reuse_factor names "fc9", which is'),
        ('rtl = { shared = { lanes = 2, layers = 1 } }', DoesNotFit, "layers"),
        (f'tables = {{}}\ntask = {PULSES}\nmodel = {{ kind = "pulse-cnn" }}', ConfigError,
         "a network of tables needs one flat input"),
    ],
)  # fmt: skip
def test_a_codesign_flow_rehearses_too(
    rtl: str, kind: type[Exception], told: str, tmp_path: Path
) -> None:
    own = {line.partition(" = ")[0] for line in rtl.splitlines()} | {"hls", "rtl"}
    kept = [line for line in TINY.splitlines() if line.partition(" = ")[0] not in own]
    flow = load_flow(
        write_flow(tmp_path, "\n".join(kept).replace("[compress]", f"{rtl}\n[compress]"))
    )
    with pytest.raises(kind, match=told):
        execute(flow, tmp_path / "run")
    assert not list((tmp_path / "run").glob("stages/*"))


def test_what_cannot_be_read_is_told_by_its_own_stage(tmp_path: Path) -> None:
    lost = 'task = { kind = "jets", path = "lost.npz" }'
    text = TINY.replace('task = { kind = "jets", rows = 1500 }', lost)
    with pytest.raises(NetwrightError, match=r"lost\.npz"):
        execute(load_flow(write_flow(tmp_path, text)), tmp_path / "run")


@pytest.mark.parametrize("name", ["econ-t", "jets"])
def test_flows_that_are_shipped_can_be_made(name: str) -> None:
    flow = load_flow(FLOWS / f"{name}.toml")
    rehearsals = [stage.rehearse for stage in flow.stages if stage.rehearse is not None]
    assert rehearsals
    for rehearse in rehearsals:
        rehearse()
