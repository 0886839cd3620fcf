from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.train import Calibrate, Callback, FreezeScales, Moment, Quantizer, QuantLayer, fit
from tests.toys import clouds, quantized_mlp

TASK = clouds(120)


class Watch(Callback):
    """Notes all parameters and scales before every step."""

    settings = ""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def before_step(self, moment: Moment) -> None:
        self.seen.append({n: v.clone() for n, v in moment.model.state_dict().items()})


def layers(model: nn.Module) -> list[QuantLayer]:
    return [m for m in model.modules() if isinstance(m, QuantLayer)]


def test_from_its_share_on_only_biases_and_the_last_layer_move():
    model, watch = quantized_mlp(TASK), Watch()
    callbacks = [Calibrate(epochs=4), FreezeScales(begin=0.5), watch]
    fit(model, TASK, callbacks=callbacks, epochs=4, batch_size=32, learning_rate=0.1, keep="last")
    begin, end = watch.seen[len(watch.seen) // 2], watch.seen[-1]
    changed = {name for name in end if not torch.equal(begin[name], end[name])}
    last = max(name for name in end if name.endswith("weight"))
    assert changed == {n for n in end if n.endswith("layer.bias")} | {last}
    early = {n for n in begin if not torch.equal(watch.seen[0][n], begin[n])}
    assert early > {n for n in begin if n.endswith("weight")}
    assert any(n.endswith("scale") for n in early)


def test_behind_it_everything_can_move_again():
    model = quantized_mlp(TASK)
    fit(model, TASK, callbacks=[FreezeScales(begin=0.0)], epochs=1, batch_size=32)
    assert all(p.requires_grad for p in model.parameters())
    assert not any(m.pinned for m in model.modules() if isinstance(m, Quantizer))


def test_scales_that_were_pinned_before_stay_so():
    model = quantized_mlp(TASK)
    first = layers(model)[0].weight_quantizer
    first.pin(0.5)
    fit(model, TASK, callbacks=[FreezeScales(begin=0.0)], epochs=1, batch_size=32)
    assert first.pinned


def test_a_model_without_scales_is_refused():
    with pytest.raises(ConfigError, match="of the class Linear, has no scales to freeze"):
        fit(nn.Linear(6, 3), TASK, callbacks=[FreezeScales()], epochs=1)


@pytest.mark.parametrize("begin", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(begin):
    with pytest.raises(ConfigError, match=f"begin must be 0 or more and below 1, not {begin}"):
        FreezeScales(begin=begin)
