from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.compress import (
    Choice,
    LayerPlan,
    LayerShape,
    Plan,
    load_plan,
    save_plan,
    uniform,
)
from netwright.errors import ConfigError, DataError, RunError
from netwright.formats import NM, Rounding
from tests.compress.chains import JETS

PLAN = Plan(
    (LayerPlan("fc1", 4, 16, 20), LayerPlan("fc2", 6, 1)),
    scale="float",
    granularity="channel",
    rounding=Rounding.HALF_UP,
    origin="a test",
)


@pytest.mark.parametrize("bits", [0, 1, 99, 17, -3, True, 2.5, "8", None])
def test_weight_widths_that_are_not_accepted(bits: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("fc1", bits, 8),))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f'layer "fc1": weight_bits must be an integer from 2 to 16, not {bits!r}'
    )


@pytest.mark.parametrize("bits", [0, 17, 99, True, 2.5])
def test_input_widths_that_are_not_accepted(bits: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("fc1", 8, bits),))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f'layer "fc1": input_bits must be an integer from 1 to 16, not {bits!r}'
    )


@pytest.mark.parametrize("bits", [0, 1, 33, True, 2.5])
def test_bias_widths_that_are_not_accepted(bits: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("fc1", 8, 8, bits),))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f'layer "fc1": bias_bits must be an integer from 2 to 32, not {bits!r}'
    )


def test_all_faults_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("a", 0, 0), LayerPlan("b", 99, 4)), scale="log")  # type: ignore[arg-type]
    assert str(caught.value) == (
        'layer "a": weight_bits must be an integer from 2 to 16, not 0; '
        'layer "a": input_bits must be an integer from 1 to 16, not 0; '
        'layer "b": weight_bits must be an integer from 2 to 16, not 99; '
        "scale must be one of power-of-two, float, not 'log'"
    )
    with pytest.raises(ConfigError, match="a plan needs at least one layer"):
        Plan(())
    with pytest.raises(ConfigError, match="granularity must be one of tensor, channel, not 'row'"):
        replace(PLAN, granularity="row")
    with pytest.raises(ConfigError, match=r"rounding must be one of floor, ceil, .*, not 'up'"):
        replace(PLAN, rounding="up")


def test_the_automatic_bias_width() -> None:
    assert LayerPlan("fc1", 6, 8).resolved_bias_bits == 18
    assert LayerPlan("fc1", 16, 16).resolved_bias_bits == 32
    assert LayerPlan("fc1", 6, 8, 7).resolved_bias_bits == 7


def test_uniform_plans() -> None:
    plan = uniform(JETS, weight_bits=4, activation_bits=7, input_bits=16)
    assert plan.weight_bits == (4, 4, 4, 4)
    assert plan.input_bits == (16, 7, 7, 7)
    assert plan.origin == "uniform w4a7"
    assert str(plan) == "w4a16 w4a7 w4a7 w4a7 (power-of-two, tensor)"
    assert uniform(JETS, weight_bits=4, activation_bits=7).input_bits == (7, 7, 7, 7)


def test_rules_can_be_replaced() -> None:
    changed = PLAN.with_rules(scale="power-of-two", granularity="tensor")
    assert changed.layers == PLAN.layers
    assert (changed.scale, changed.granularity) == ("power-of-two", "tensor")


def test_round_trip_on_disk(tmp_path: Path) -> None:
    assert load_plan(save_plan(PLAN, tmp_path / "deep" / "plan.json")) == PLAN
    assert isinstance(load_plan(tmp_path / "deep" / "plan.json").rounding, Rounding)


def test_plans_can_be_sent_and_hashed() -> None:
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN  # noqa: S301  our own bytes
    assert len({PLAN, replace(PLAN), replace(PLAN, scale="power-of-two")}) == 2


def changed(path: Path, **fields: object) -> Path:
    document = json.loads(save_plan(PLAN, path).read_text())
    path.write_text(json.dumps({**document, **fields}))
    return path


@pytest.mark.parametrize(
    "fields",
    [
        {"layers": "none"},
        {"color": "red"},
        {"scale": "log"},
        {"rounding": "up"},
        {"layers": [{"name": "a", "weight_bits": "8", "input_bits": 8}]},
        {"layers": [{"name": "a", "weight_bits": 8, "input_bits": True}]},
        {"layers": [{"name": "a", "weight_bits": 8, "input_bits": 8, "bias_bits": 2.5}]},
    ],
)
def test_files_that_are_no_plans_are_refused(tmp_path: Path, fields: dict[str, object]) -> None:
    path = changed(tmp_path / "plan.json", **fields)
    with pytest.raises(DataError) as caught:
        load_plan(path)
    assert str(caught.value).startswith(f"{path}: not a plan (")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a plan"):
        load_plan(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_plan(tmp_path / "plan.json")


def test_widths_out_of_range_in_a_file_are_named(tmp_path: Path) -> None:
    path = changed(
        tmp_path / "plan.json", layers=[{"name": "a", "weight_bits": 99, "input_bits": 8}]
    )
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert str(caught.value) == 'layer "a": weight_bits must be an integer from 2 to 16, not 99'


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save_plan(PLAN, tmp_path / "file" / "plan.json")


def test_widths_of_outputs_and_signs_of_inputs_are_kept(tmp_path: Path) -> None:
    plan = Plan((LayerPlan("fc1", 6, 8),), output_bits=9, signed_inputs=False)
    assert load_plan(save_plan(plan, tmp_path / "plan.json")) == plan
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("fc1", 6, 8),), output_bits=17)
    assert str(caught.value) == "output_bits must be an integer from 1 to 16, not 17"


def test_patterns_are_kept_in_the_file(tmp_path: Path) -> None:
    shapes = (LayerShape("fc1", 8, 8, 1, 64), LayerShape("fc2", 8, 4, 1, 32))
    plan = uniform(shapes, weight_bits=4, activation_bits=4).with_patterns({"fc2": NM(2, 8)})
    assert [layer.pattern for layer in plan.layers] == [None, NM(2, 8)]
    assert load_plan(save_plan(plan, tmp_path / "plan.json")) == plan


def test_patterns_need_a_layer_and_zeros() -> None:
    shapes = (LayerShape("fc1", 8, 8, 1, 64),)
    plan = uniform(shapes, weight_bits=4, activation_bits=4)
    with pytest.raises(ConfigError, match='the plan has no layer "fc2"; did you mean "fc1"'):
        plan.with_patterns({"fc2": NM(2, 8)})
    with pytest.raises(ConfigError, match=r'layer "fc1": N:M must keep .* not 4:4'):
        plan.with_patterns({"fc1": NM(4, 4)})


NAMED = Plan(
    (
        LayerPlan("fc1", 4, 4, weights="outlier(rule=left)", inputs="outlier"),
        LayerPlan("fc2", 4, 16, weights="mx", inputs="half"),
        LayerPlan("keys", 8, 8, outputs="absmax", output_bits=4),
    ),
    granularity="channel",
)


def test_quantizers_are_kept_with_the_widths(tmp_path: Path) -> None:
    assert load_plan(save_plan(NAMED, tmp_path / "plan.json")) == NAMED
    assert str(NAMED) == (
        "w4-outlier(rule=left)/a4-outlier w4-mx/a16-half w8/a8/o4-absmax (power-of-two, channel)"
    )
    assert [layer.stored_weight_bits for layer in NAMED.layers] == [4, 4.25, 8]


def test_a_plan_without_names_is_written_as_before(tmp_path: Path) -> None:
    text = save_plan(PLAN, tmp_path / "plan.json").read_text()
    layers = json.loads(text)["layers"]
    assert layers[1] == {"name": "fc2", "weight_bits": 6, "input_bits": 1, "bias_bits": None}


def test_quantizers_that_are_not_accepted() -> None:
    with pytest.raises(ConfigError) as caught:
        Plan((LayerPlan("a", 5, 4, weights="outlier", inputs="outlie"),
              LayerPlan("b", 4, 4, outputs="mse")))  # fmt: skip
    assert str(caught.value) == (
        'layer "a": weights: quantizer outlier, 5 bits: bits must be 4 or 8, not 5; '
        'layer "a": inputs: "outlie" is not one of the quantizers; did you mean "outlier"?; '
        'layer "b": outputs and output_bits must be given together'
    )
    with pytest.raises(ConfigError, match="is not one of the quantizers"):
        Choice("other", 4)
    assert Choice("uniform", 3).stored_bits == 3
