import pytest
import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.formats import NM
from netwright.train import KeepNM, Recipe, fit
from netwright.train.nm_layers import reached_layers
from tests.toys import clouds, images

TASK = clouds(64)
ONCE = Recipe(epochs=1, batch_size=32)


class Own(nn.Linear):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return super().forward(values) * 2


def reasons(model: nn.Module, keep: KeepNM) -> dict[str, str]:
    fit(model, TASK, recipe=ONCE, callbacks=[keep])
    return keep.left


def chain(*inner: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), *inner, nn.Linear(8, 3))


def test_layers_are_found_in_the_order_in_which_they_are_reached() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(8, 3), nn.Linear(6, 8)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.last(self.first(values))
            return found

    model = Backwards()
    found = reached_layers(model, TASK)
    assert [(item.path, item.positions, item.learns_before) for item in found] == [
        ("first", 1, False),
        ("last", 1, True),
    ]
    assert all("forward" not in vars(module) for module in model.modules())


def test_a_layer_that_is_used_twice_counts_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.inner, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.last(self.inner(self.inner(self.first(values))))
            return found

    assert [item.positions for item in reached_layers(Twice(), TASK)] == [1, 2, 1]
    model, keep = Twice(), KeepNM(NM(2, 4))
    fit(model, TASK, recipe=ONCE, callbacks=[keep])
    assert list(keep.sparse) == ["inner"]
    assert keep.macs[1].forward == 2 * 32


def test_what_learns_before_the_first_layer_needs_its_backward_pass() -> None:
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3))
    (found,) = reached_layers(model, TASK)
    assert found.learns_before


def test_layers_that_cannot_be_sparse_say_why() -> None:
    left = reasons(chain(nn.Linear(8, 8), Own(8, 8)), KeepNM(NM(2, 4)))
    assert left["2"] == "its class Own has a forward pass of its own"
    with pytest.raises(ConfigError, match='layer "2" cannot be 2:4: its class Own'):
        reasons(chain(nn.Linear(8, 8), Own(8, 8)), KeepNM(NM(2, 4), layers={"2": NM(2, 4)}))
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, groups=4), nn.ConvTranspose2d(4, 4, 2), nn.Conv2d(4, 8, 1),
        nn.Flatten(), nn.Linear(8 * 25, 4),
    )  # fmt: skip
    keep = KeepNM(NM(2, 4))
    fit(model, images(64), recipe=ONCE, callbacks=[keep])
    assert keep.left["2"] == "its padding is not given in numbers of zeros"
    assert keep.left["3"] == "4 does not divide its 1 inputs"
    assert keep.left["4"] == "ConvTranspose2d has no sparse product"
    assert list(keep.sparse) == ["5"]


def test_extents_that_are_no_multiple_may_have_a_shorter_group() -> None:
    model = nn.Sequential(nn.Linear(6, 10), nn.Linear(10, 10), nn.Linear(10, 3))
    keep = KeepNM(NM(2, 4), ragged="pad")
    fit(model, TASK, recipe=ONCE, callbacks=[keep])
    weight = model.get_parameter("1.weight")
    assert torch.count_nonzero(weight, dim=1).tolist() == [6] * 10
    assert (keep.macs[1].forward, keep.macs[1].backward) == (60, 60)


def test_layers_that_are_named_must_exist() -> None:
    with pytest.raises(ConfigError, match='"fc9" matches no layer'):
        reasons(chain(), KeepNM(NM(2, 4), layers={"fc9": NM(2, 4)}))


def test_a_network_without_a_layer_for_it_is_refused() -> None:
    with pytest.raises(ConfigError, match='no layer can be sparse: "0": it is the first one; "1"'):
        reasons(chain(), KeepNM(NM(2, 4)))
