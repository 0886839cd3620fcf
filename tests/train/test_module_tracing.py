"""Modules that are not a chain of layers, many of them hostile: right, or refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright.errors import DataError, GraphError, NetwrightError, VerificationError
from netwright.ir import interpret
from netwright.train import trace


class Says(nn.Module):
    """A module whose `forward` is a function of the module and its inputs."""

    def __init__(self, function: Callable[..., object], **parts: object) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.fc1 = nn.Linear(6, 6)
        self.fc2 = nn.Linear(6, 6)
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)
        self.relu = nn.ReLU()
        self.hasty = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("shift", torch.linspace(-1, 1, 6))
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def flat() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(40, 6))


def image() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(40, 2, 6, 6))


def in_place_after_reading(m: Says, x: Tensor) -> Tensor:
    y = m.fc1(x)
    z = torch.relu_(y)
    return y + m.fc2(z)


def in_place_sum(m: Says, x: Tensor) -> Tensor:
    y = m.fc1(x)
    y += x
    return m.hasty(y)


def nested(m: Says, x: Tensor) -> Tensor:
    for layer in (m.fc1, m.fc2, m.fc1):
        x = F.relu(layer(x)) + x
    return x


FLAT = {
    "residual": lambda m, x: torch.relu(m.fc1(x) + x),
    "two branches": lambda m, x: torch.cat([m.fc1(x), m.fc2(x).relu()], dim=-1),
    "a layer twice": nested,
    "a keyword": lambda m, x: m.fc1(input=x),
    "functions": lambda m, x: F.hardtanh(F.relu6(F.linear(x, m.fc1.weight, m.fc1.bias))),
    "a parameter used directly": lambda m, x: m.scale * m.fc1(x) - m.shift,
    "constants on the left": lambda m, x: 1 - m.fc1(x),
    "a difference": lambda m, x: m.fc1(x) - m.fc2(x) / 4,
    "alpha": lambda m, x: torch.add(m.fc1(x), m.fc2(x), alpha=0.5),
    "in place on what is read again": in_place_after_reading,
    "in place sum": in_place_sum,
    "dropout": lambda m, x: m.fc2(F.dropout(m.drop(m.fc1(x)), training=m.training)),
    "views": lambda m, x: m.fc1(x).view(x.size(0), 2, 3).permute(0, 2, 1).reshape(-1, 6),
    "shape in a tuple": lambda m, x: m.fc1(x).reshape(x.shape[0], 3, 2).flatten(1),
    "new axis": lambda m, x: m.fc1(x)[:, None, :].mean(1),
    "the mean of features": lambda m, x: m.fc1(x) + m.fc2(x).mean(-1, keepdim=True),
    "clamp": lambda m, x: m.fc1(x).clamp(-0.5, 0.25),
    "a product with a matrix": lambda m, x: x @ m.fc1.weight,
    "weights of a function": lambda m, x: F.linear(x, m.fc1.weight.abs().sqrt() * m.scale),
    "double": lambda m, x: m.fc1(x.float()).double().detach().clone(),
    "a constant of the type of the rows": lambda m, x: m.fc1(x) + torch.arange(6).to(x),
    "last softmax": lambda m, x: F.softmax(m.fc1(x), dim=-1),
    "tuple": lambda m, x: (m.fc1(x), m.fc2(x)),
}
IMAGES = {
    "pools": lambda m, x: F.avg_pool2d(F.max_pool2d(m.norm(m.conv(x)), 2), 3, stride=1, padding=1),
    "global": lambda m, x: F.adaptive_avg_pool2d(m.conv(x), 1).flatten(1) + m.conv(x).mean((2, 3)),
    "residual": lambda m, x: m.hasty(m.norm(m.conv(x)) + torch.cat([x, -x], 1)),
    "channels last": lambda m, x: m.conv(x).permute(0, 2, 3, 1).contiguous().flatten(1),
    "transposed": lambda m, x: F.conv_transpose2d(
        m.conv(x), m.conv.weight, stride=2, padding=1, output_padding=1
    ),
    "transposed, one dimension": lambda m, x: F.conv_transpose1d(
        x.flatten(2), torch.ones(2, 1, 3), stride=3, groups=2, dilation=2
    ),
    "larger": lambda m, x: F.interpolate(m.conv(x), scale_factor=(2, 3)),
    "larger, of a size": lambda m, x: F.interpolate(m.conv(x), size=(12, 6)),
    "one dimension": lambda m, x: F.conv1d(x.flatten(2), torch.ones(3, 2, 5), stride=2, padding=2),
}


@pytest.mark.parametrize("name", FLAT)
def test_what_forward_does_is_traced(name: str) -> None:
    require_traced(Says(FLAT[name]), flat())


@pytest.mark.parametrize("name", IMAGES)
def test_what_forward_does_to_images_is_traced(name: str) -> None:
    require_traced(Says(IMAGES[name]), image())


def require_traced(model: nn.Module, rows: np.ndarray) -> None:
    """Against the module on other rows, apart from the comparison that tracing makes."""
    graph = trace(model, rows[:5])
    assert model.training
    rows = rows.astype(np.float32)
    with torch.no_grad():
        wanted = model.eval()(torch.from_numpy(rows.copy()))
    outputs = wanted if isinstance(wanted, tuple) else (wanted,)
    found = interpret(graph, rows)
    for name, values in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_allclose(found[name], values.numpy(), rtol=1e-5, atol=1e-5)


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def with_own_forward() -> nn.Linear:
    layer = nn.Linear(6, 6)
    layer.forward = lambda x: F.linear(x, layer.weight) + 1  # type: ignore[method-assign]
    return layer


@pytest.mark.parametrize(
    "part",
    [
        Doubled(6, 6),
        nn.utils.parametrizations.weight_norm(nn.Linear(6, 6)),
        nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.ReLU(), nn.Identity()), nn.Linear(6, 6)),
    ],
    ids=["subclass", "weight_norm", "nested"],
)
def test_layers_that_are_more_than_they_look(part: nn.Module) -> None:
    require_traced(Says(lambda m, x: m.part(x), part=part), flat())


def test_tied_weights_are_traced() -> None:
    model = Says(lambda m, x: m.fc2(m.fc1(x)))
    model.fc2.weight = model.fc1.weight
    require_traced(model, flat())


def test_a_batch_norm_in_training_mode_is_traced_as_in_evaluation_mode() -> None:
    model = Says(lambda m, x: m.norm(m.conv(x))).train()
    mean = model.norm.running_mean.clone()
    model.conv.eval()
    trace(model, image())
    assert model.training
    assert model.norm.training
    assert not model.conv.training
    assert torch.equal(model.norm.running_mean, mean)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 6)

    def forward(self, x: Tensor, z: Tensor, mask: Tensor | None = None, *, gain: float = 2.0):  # type: ignore[no-untyped-def]
        y = gain * x + self.fc(z)
        return y if mask is None else y * mask


def test_several_inputs_and_defaults() -> None:
    rows = {"z": np.random.default_rng(0).normal(size=(9, 3)), "x": flat()[:9]}
    graph = trace(Two(), rows)
    assert graph.inputs == ("x", "z")
    assert [node.op for node in graph.nodes] == ["Mul", "MatMul", "Add"]
    with pytest.raises(DataError) as caught:
        trace(Two(), flat())
    assert str(caught.value) == "rows must be given for x, z, not for 1 inputs"


class Remembers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1.0
        return x + self.seen


def branches_on_data(m: Says, x: Tensor) -> Tensor:
    return m.fc1(x) if x.sum() > 0 else m.fc2(x)


def loops_over_rows(m: Says, x: Tensor) -> Tensor:
    return torch.stack([m.fc1(row) for row in x])


def remembers_rows(m: Says, x: Tensor) -> Tensor:
    y = m.fc1(x) + m.shift
    m.shift = x[:, :].clone()
    return y


def writes_through_a_view(m: Says, x: Tensor) -> Tensor:
    y = m.fc1(x)
    torch.relu_(y.view(-1, 2, 3))
    return y


REFUSED: dict[str, tuple[Callable[..., object], str]] = {
    "a decision on data": (branches_on_data, "Says.forward cannot be traced at"),
    "a loop over rows": (loops_over_rows, "Says.forward cannot be traced at"),
    "an assignment": (remembers_rows, "Says.forward assigns to shift"),
    "an unknown function": (lambda m, x: m.fc2(torch.tan(m.fc1(x))), "tan ("),
    "an unknown layer": (lambda m, x: m.part(m.fc1(x)), 'node "part": LogSigmoid ('),
    "linear interpolation": (
        lambda m, x: F.interpolate(x[:, None], scale_factor=2, mode="linear"),
        "interpolates with mode linear",
    ),
    "a broken size": (
        lambda m, x: F.interpolate(x[:, None], size=9),
        "resizes (6,) to (9,)",
    ),
    "a computed weight": (lambda m, x: F.linear(x, m.fc1(x)), "shape"),
    "rows that mix": (lambda m, x: m.fc1(x) - m.fc1(x).mean(0), "rows must stay apart"),
    "rows that mix in a softmax": (lambda m, x: m.fc1(x).softmax(0), "rows must stay apart"),
    "rows that mix in part": (
        lambda m, x: torch.cat([x[:, :2], x[:, 2:].softmax(-2)], 1),
        "rows must stay apart",
    ),
    "rows in another order": (lambda m, x: m.fc1(x).flip(0), "rows must stay apart"),
    "rows that move": (lambda m, x: m.fc1(x).view(-1, 2), "rows must stay apart"),
    "the number of rows": (lambda m, x: m.fc1(x) * x.size(0), "is no number"),
    "dropout that stays": (lambda m, x: F.dropout(m.fc1(x)), "drops values"),
    "random numbers": (lambda m, x: m.fc1(x) + torch.rand(6), "another result for the same rows"),
    "random noise": (
        lambda m, x: m.fc1(x) + torch.rand_like(m.fc1.bias),
        "gives another value each time",
    ),
    "random numbers like": (lambda m, x: m.fc1(x) + torch.rand_like(x), "rand_like ("),
    "a constant": (lambda m, x: torch.ones(3), "not what depends on none of them"),
    "a dictionary": (lambda m, x: {"y": m.fc1(x)}, "must return a tensor"),
    "an input as it is": (lambda m, x: m.drop(x), "returns an input as it is"),
    "one result twice": (lambda m, x: (m.relu(x),) * 2, "one tensor twice"),
    "a view that is written": (writes_through_a_view, "through another view"),
    "a number from data": (lambda m, x: m.fc1(x) * x.max().item(), "item"),
    "clamp of one side": (lambda m, x: m.fc1(x).clamp(max=1.0), "needs both limits"),
    "max of a batch": (lambda m, x: m.fc1(x).max(1), "not a tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused_by_name(name: str) -> None:
    function, reason = REFUSED[name]
    with pytest.raises(NetwrightError) as caught:
        trace(Says(function, part=nn.LogSigmoid()), flat())
    assert reason in str(caught.value)


def test_a_refusal_names_the_path_the_class_and_the_line() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.LogSigmoid()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(x)

    with pytest.raises(GraphError) as caught:
        trace(nn.Sequential(nn.Linear(6, 6), Inner()), flat())
    assert str(caught.value).startswith('node "1.act": LogSigmoid (test_module_tracing.py:')
    assert "return self.act(x)'): is not supported\nhint: supported: Linear, " in str(caught.value)


@pytest.mark.parametrize("what", ["hook", "pre-hook"])
def test_hooks_of_layers_are_refused(what: str) -> None:
    model = Says(lambda m, x: m.fc1(x))
    if what == "hook":
        model.fc1.register_forward_hook(lambda module, args, output: output * 2)
    else:
        model.fc1.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    with pytest.raises(GraphError, match='node "fc1": a hook may change what this Linear gives'):
        trace(model, flat())


def test_hooks_of_other_modules_are_traced() -> None:
    model = Says(lambda m, x: m.part(x), part=nn.Sequential(nn.Linear(6, 6)))
    model.part.register_forward_hook(lambda module, args, output: output * 2)
    require_traced(model, flat())


def aliased(m: Says, x: Tensor) -> Tensor:
    y = m.fc1(x)
    z = y
    y += 1.0
    return m.fc2(y) + z


def test_what_symbolic_tracing_cannot_see_is_found_by_comparison() -> None:
    with pytest.raises(VerificationError) as caught:
        trace(Says(aliased), flat())
    assert "does something else than what was traced: at (" in str(caught.value)


def test_the_first_layer_that_differs_is_named() -> None:
    calls = []

    def at_run_time(m: Says, x: Tensor) -> Tensor:
        y = m.fc1(x)
        calls.append(x)
        if type(x) is Tensor and x.dtype is torch.float32:
            y = y + 1.0
        return m.fc2(y)

    with pytest.raises(VerificationError) as caught:
        trace(Says(at_run_time), flat())
    assert str(caught.value).startswith('layer "fc2" (Linear, test_module_tracing.py:')


def test_a_module_that_counts_is_refused() -> None:
    with pytest.raises(VerificationError) as caught:
        trace(nn.Sequential(nn.Linear(6, 6), Remembers()), flat())
    assert "gives another result for the same rows each time" in str(caught.value)


def test_statistics_of_the_batch_are_refused() -> None:
    model = Says(lambda m, x: m.part(m.conv(x)), part=nn.BatchNorm2d(4, track_running_stats=False))
    with pytest.raises(GraphError, match="so a row's result depends on the others"):
        trace(model, image())


def test_a_layer_with_a_forward_of_its_own_is_not_taken_for_its_class() -> None:
    """The closure reads the weight of another module, which a trace cannot hold."""
    with pytest.raises(GraphError, match="parameter is not a member of this module"):
        trace(Says(lambda m, x: m.part(x), part=with_own_forward()), flat())


def test_rows_that_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"Says.forward fails on rows of shape \(16, 5\): "):
        trace(Says(FLAT["residual"]), np.zeros((20, 5)))
    with pytest.raises(DataError, match="NaN"):
        trace(Says(FLAT["residual"]), np.full((20, 6), np.nan))
    for wrong in (np.array([["a"] * 6]), [[[1.0] * 6, [2.0]]]):
        with pytest.raises(DataError, match="rows must be numbers"):
            trace(Says(FLAT["residual"]), wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="one or more"):
        trace(Says(FLAT["residual"]), np.zeros((0, 6)))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.relu, "a torch module can be traced, not builtin_function_or_method"),
        (nn.Sequential(nn.LazyLinear(3)), 'node "0": LazyLinear has parameters without values'),
        (nn.Linear(6, 6, device="meta"), "Linear has parameters without values"),
        (nn.Module(), "Module.forward takes *input"),
        (nn.DataParallel(nn.Linear(6, 6)), "DataParallel.forward takes *inputs"),
        (nn.Identity(), "Identity.forward returns an input as it is"),
    ],
)
def test_what_is_no_plain_module_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(GraphError) as caught:
        trace(model, flat())
    assert message in str(caught.value)


def test_half_precision_is_refused() -> None:
    with pytest.raises(GraphError) as caught:
        trace(Says(FLAT["residual"]).half(), flat())
    assert str(caught.value) == (
        "the parameters of Says must be float32 or float64, not float16\n"
        "hint: convert it first: model.float()"
    )


def test_names_are_identifiers_and_unique() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Sequential(nn.Linear(6, 6)))
    graph = trace(model, flat(), name="net")
    assert graph.name == "net"
    assert [node.name for node in graph.nodes] == ["layer0", "layer1", "layer2_0"]
    assert [node.origin for node in graph.nodes] == ["0", "1", "2.0"]
    with pytest.raises(GraphError, match="ASCII identifier"):
        trace(model, flat(), name="a b")


def test_an_assignment_in_place_is_named_with_its_line() -> None:
    def forward(self: Says, x: Tensor) -> Tensor:
        y = self.fc1(x)
        z = y[:, :2]
        z += 1.0
        return y

    with pytest.raises(VerificationError) as caught:
        trace(Says(forward), np.random.default_rng(0).normal(size=(5, 6)))
    assert "'z += 1.0', does something else than what was traced" in str(caught.value)


def test_what_works_for_some_numbers_of_rows_only_is_refused() -> None:
    def forward(self: Says, x: Tensor) -> Tensor:
        first, second = self.fc1(x).chunk(2)
        return first + second

    with pytest.raises(GraphError) as caught:
        trace(Says(forward), np.random.default_rng(0).normal(size=(16, 6)))
    assert str(caught.value).startswith(
        "Says.forward works for 16 rows and not for 15: rows must stay apart, on the first axis"
    )
