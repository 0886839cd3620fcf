import copy
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright import compress, models, train
from netwright.errors import ConfigError, RunError
from netwright.formats import NM
from netwright.train import KeepNM, Recipe, fit
from netwright.train.nm import Method
from tests.toys import clouds, images

TASK = clouds(96)
RECIPE = Recipe(epochs=2, batch_size=32, learning_rate=1e-2)
METHODS: tuple[Method, ...] = ("dense", "sr-ste", "sdgp", "sdwp", "bdwp", "bi-mask")


def network(hidden: tuple[int, ...] = (16, 16, 8)) -> nn.Sequential:
    return models.mlp(TASK, hidden=hidden, seed=3)


def trained(keep: KeepNM, model: nn.Module | None = None) -> nn.Module:
    model = network() if model is None else model
    fit(model, TASK, recipe=RECIPE, callbacks=[keep])
    return model


def has(weight: torch.Tensor, pattern: NM) -> bool:
    return not pattern.fault(weight.detach().numpy())


@pytest.mark.parametrize("method", METHODS)
def test_the_trained_network_has_the_weights_of_its_forward_pass(method: Method) -> None:
    keep = KeepNM(NM(2, 8), method=method)
    model = trained(keep)
    inner = NM(2, 8, 1)
    sparse = method in ("sr-ste", "bdwp", "bi-mask")
    assert [has(model.get_parameter(f"fc{i}.weight"), inner) for i in (2, 3)] == [sparse] * 2
    assert list(keep.sparse) == ([] if method == "dense" else ["fc2", "fc3"])
    assert keep.left["fc1"] == "it is the first one" or method == "dense"
    assert all("forward" not in vars(module) for module in model.modules())


def test_macs_are_those_of_the_published_arithmetic() -> None:
    # Dense 3; SR-STE, SDGP and SDWP 2 + r; BDWP 2 r + 1, with r = 2/8.
    wanted = {
        "dense": (1.0, 1.0), "sr-ste": (0.25, 1.0), "sdgp": (1.0, 0.25), "sdwp": (1.0, 0.25),
        "bdwp": (0.25, 0.25),
    }  # fmt: skip
    for method, (forward, backward) in wanted.items():
        keep = KeepNM(NM(2, 8), method=method)  # type: ignore[arg-type]
        trained(keep)
        first, second, *_, last = keep.macs
        assert (first.forward, first.backward, first.stages) == (16 * 6, 0, 2)
        assert second.forward == forward * 256
        assert second.backward == backward * 256
        assert second.update == second.dense == 256
        assert last.done == 3 * last.dense == 3 * 24


def test_convolutions_have_groups_along_their_channels() -> None:
    task = images(64)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip
    keep = KeepNM(NM(2, 4))
    fit(model, task, recipe=RECIPE, callbacks=[keep])
    assert list(keep.sparse) == ["3"]
    assert has(model.get_parameter("3.weight"), NM(2, 4, 1))
    assert keep.macs[1].dense == 8 * 16 * 9 * 36
    assert keep.macs[1].backward == keep.macs[1].dense // 2


def test_masks_follow_every_update() -> None:
    class Watch(train.Callback):
        settings = ""

        def after_step(self, moment: train.Moment) -> None:
            weight = moment.model.get_parameter("fc2.weight")
            with torch.no_grad():
                one = moment.model.get_submodule("fc2")(torch.eye(16)) - moment.model.get_parameter(
                    "fc2.bias"
                )
            seen = one.t().numpy()
            kept = NM(1, 4, 1).mask(weight.detach().numpy())
            assert abs(seen - weight.detach().numpy() * kept).max() < 1e-6

    fit(network(), TASK, recipe=RECIPE, callbacks=[KeepNM(NM(1, 4)), Watch()])


def test_decay_adds_the_weights_that_are_not_seen_to_their_gradient() -> None:
    class Take(train.Callback):
        settings = ""

        def after_step(self, moment: train.Moment) -> None:
            if moment.step == 1:
                grad = moment.model.get_parameter("fc2.weight").grad
                assert grad is not None
                gradients.append(grad.clone())

    gradients: list[torch.Tensor] = []
    start = network()
    for decay in (0.0, 0.5):
        fit(copy.deepcopy(start), TASK, recipe=RECIPE,
            callbacks=[KeepNM(NM(2, 4), method="sr-ste", decay=decay), Take()])  # fmt: skip
    weight = start.get_parameter("fc2.weight").detach()
    unseen = weight * ~torch.from_numpy(NM(2, 4, 1).mask(weight.numpy()))
    torch.testing.assert_close(gradients[1] - gradients[0], 0.5 * unseen, atol=1e-6, rtol=1e-4)


def test_published_decays_are_the_defaults() -> None:
    decays = {method: KeepNM(NM(2, 4), method=method).decay for method in METHODS}
    assert decays["sr-ste"] == decays["bi-mask"] == 2e-4
    assert decays["bdwp"] == 0.0


def test_patterns_are_chosen_by_layer() -> None:
    keep = KeepNM(NM(2, 8), layers={"fc[23]": NM(2, 4), "fc3": None})
    model = trained(keep)
    assert keep.sparse == {"fc2": NM(2, 4)}
    assert has(model.get_parameter("fc2.weight"), NM(2, 4, 1))
    assert not has(model.get_parameter("fc3.weight"), NM(2, 4, 1))


def test_layers_that_the_group_does_not_divide_are_dense() -> None:
    keep = KeepNM(NM(2, 8))
    trained(keep, network((16, 16, 20, 8)))
    assert keep.left["fc3"] == "8 does not divide its 20 outputs"
    assert list(keep.sparse) == ["fc2"]


def test_quantized_layers_keep_the_pattern_down_to_the_graph() -> None:
    start = trained(KeepNM(NM(2, 8)))
    plan = compress.uniform(
        compress.layer_shapes(start, TASK.input_shape), weight_bits=6, activation_bits=6
    )
    quantized = compress.apply(start, plan, TASK)
    fit(quantized, TASK, None, RECIPE, [KeepNM(NM(2, 8)), train.Calibrate()])
    graph = train.trace(quantized)
    assert graph.types["fc2_weight"].pattern == NM(2, 8, 0)
    assert graph.types["fc3_weight"].pattern == NM(2, 8, 0)
    assert graph.types["fc1_weight"].pattern is None
    assert all(layer.masks is None for layer in quantized.quant_layers().values())


def test_chains_of_dense_layers_are_trained_as_their_steps() -> None:
    start = network()
    plan = compress.uniform(
        compress.layer_shapes(start, TASK.input_shape), weight_bits=5, activation_bits=5
    )
    ends = []
    for chained in (True, False):
        quantized = compress.apply(start, plan, TASK)
        if not chained:
            quantized._chain = None
        fit(quantized, TASK, None, RECIPE, [KeepNM(NM(2, 4)), train.Calibrate()])
        ends.append(quantized.state_dict())
    for key, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][key], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"pattern": NM(4, 4)}, "N:M must keep at least one of a group and not all of it, not 4:4"),
        ({"pattern": NM(0, 4)}, "N:M must keep at least one of a group and not all of it, not 0:4"),
        ({"method": "bwdp"}, "method must be one of"),
        ({"ragged": "fill"}, 'ragged must be one of "dense", "pad", not \'fill\''),
        ({"decay": -1.0}, "decay must be 0 or more, not -1.0"),
        (
            {"method": "sdwp", "decay": 0.1},
            'decay must be 0 for method "sdwp": its forward pass sees all weights',
        ),
    ],
)
def test_settings_that_are_not_accepted_are_named(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(text)):
        KeepNM(**{"pattern": NM(2, 4), **arguments})  # type: ignore[arg-type]


def test_a_checkpoint_of_another_pattern_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training"
    fit(network(), TASK, recipe=RECIPE, callbacks=[KeepNM(NM(2, 8))], checkpoint=path)
    with pytest.raises(RunError, match=r"KeepNM\(2:8.*instead of KeepNM\(2:4"):
        fit(network(), TASK, recipe=RECIPE, callbacks=[KeepNM(NM(2, 4))], checkpoint=path)
    again = network()
    fit(again, TASK, recipe=RECIPE, callbacks=[KeepNM(NM(2, 8))], checkpoint=path)
    assert has(again.get_parameter("fc2.weight"), NM(2, 8, 1))
    assert all("forward" not in vars(module) for module in again.modules())
