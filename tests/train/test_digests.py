from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from netwright.train.digests import describe, module_digest
from tests.texts import encoder


def test_a_digest_covers_weights_masks_and_rounding() -> None:
    model, name = encoder(), "encoder.layer.1.output.dense"
    found = [module_digest(model), module_digest(encoder(1))]
    linear = model.linears()[name]
    linear.mask = torch.ones_like(linear.weight, dtype=torch.bool)
    found.append(module_digest(model))
    linear.mask[0, 0] = False
    found.append(module_digest(model))
    with torch.no_grad():
        linear.weight[0, 0] += 1
    found.append(module_digest(model))
    model.set_quantized("on")
    found.append(module_digest(model))
    model.layers[0].grids["input"].high.fill_(2.0)
    found.append(module_digest(model))
    assert len(set(found)) == len(found)


def test_a_digest_covers_plain_settings_but_not_the_mode() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    before = module_digest(model)
    assert module_digest(model.eval()) == before
    model[1].p = 0.2
    assert module_digest(model) != before


class Plain(nn.Module):
    """A module with a function and a list as settings."""

    def __init__(self, act: object = torch.relu, **settings: object) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2, bias=False)
        nn.init.ones_(self.fc.weight)
        self.act = act
        for key, value in settings.items():
            setattr(self, key, value)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.fc(x))  # type: ignore[operator,no-any-return]


def test_a_digest_covers_functions_lists_tensors_and_private_settings() -> None:
    frozen = Plain()
    frozen.fc.weight.requires_grad_(False)
    models = [
        Plain(), Plain(torch.tanh), Plain(sizes=[1, 2]), Plain(sizes=[1, 3]), Plain(_k=1),
        Plain(_k=2), Plain(k=torch.ones(2)), Plain(k=torch.zeros(2)), frozen,
    ]  # fmt: skip
    found = [module_digest(model) for model in models]
    assert len(set(found)) == len(found)
    assert module_digest(Plain(sizes=[1, 2])) == found[2]


def test_a_digest_covers_the_code_of_forward() -> None:
    def kind(shift: float) -> type[nn.Module]:
        class Net(Plain):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x) + shift

        return Net

    first, again, second = (module_digest(kind(shift)()) for shift in (1.0, 1.0, 2.0))
    assert first == again != second


FACTOR = 1.0


def _of_global(outputs: Tensor, targets: Tensor) -> Tensor:
    return FACTOR * (outputs - targets).mean()


def _of_closure(weight: float) -> object:
    return lambda outputs, targets: weight * (outputs - targets).mean()


class _Object:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.weight * (outputs - targets).mean()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self(outputs, targets)


@pytest.mark.parametrize(
    "make",
    [
        _of_closure,
        _Object,
        lambda weight: _Object(weight).loss,
        lambda weight: partial(_Object(weight).loss, targets=0),
        lambda weight: lambda outputs, factor=weight: factor * outputs.mean(),
        lambda weight: type("Loss", (), {"weight": weight}),
    ],
)
def test_a_description_covers_what_a_function_reads(make: Callable[[float], object]) -> None:
    first, again, second = (describe(make(weight)) for weight in (1.0, 1.0, 2.0))
    assert first == again != second


def test_a_description_covers_globals_and_functions_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = describe(_of_global)
    monkeypatch.setattr(f"{__name__}.FACTOR", 2.0)
    assert describe(_of_global) != before
    first, second = (lambda a, b: a + b), (lambda a, b: a - b)
    assert describe(first) != describe(second)


def test_a_description_is_the_same_in_every_process() -> None:
    program = (
        "import torch\nfrom netwright.train.digests import describe, module_digest\n"
        "SETTINGS = {'a': {'x', 'y', 'z'}, 'b': (1, 2.0)}\n"
        "def loss(o, t, *, k={'u', 'v'}):\n    return SETTINGS if o in {'q', 'r', 's'} else loss\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.me = [self, loss]\n"
        "print(describe(loss), module_digest(Net()))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    }  # fmt: skip
    assert len(found) == 1
