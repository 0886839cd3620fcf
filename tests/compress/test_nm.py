import pytest

from netwright import compress, models
from netwright.compress import NMSparsity
from netwright.errors import ConfigError
from netwright.formats import NM
from netwright.settings import check
from tests.toys import clouds

TASK = clouds(48)


def refused(**options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check(options, NMSparsity, source="flow")
    return caught.value.message


def test_options_make_the_callback() -> None:
    made = NMSparsity(kept=1, group=4, method="sr-ste", layers={"fc2": "2:4", "fc3": "dense"})
    assert made.callback().settings == (
        "KeepNM(1:4, method=sr-ste, layers={'fc2': '2:4', 'fc3': 'dense'}, decay=0.0002, "
        "ragged=dense, seed=0)"
    )
    assert NMSparsity().make().callback().method == "bdwp"


def test_patterns_are_those_of_the_trained_weights() -> None:
    model = models.mlp(TASK, hidden=(16, 16, 8))
    assert NMSparsity().patterns(model, TASK) == {"fc2": NM(2, 8), "fc3": NM(2, 8)}
    assert NMSparsity(method="sdwp").patterns(model, TASK) == {}


def test_patterns_of_a_part_have_its_paths() -> None:
    from torch import nn

    model = nn.Sequential()
    model.add_module("chip", models.mlp(TASK, hidden=(16, 16, 8)))
    model.add_module("last", nn.Linear(3, 3))
    assert list(NMSparsity().patterns(model, TASK, part="chip")) == ["fc2", "fc3"]
    plan = compress.uniform(
        compress.part_shapes(model, TASK, "chip"), weight_bits=4, activation_bits=6
    ).with_patterns(NMSparsity().patterns(model, TASK, part="chip"))
    made = compress.apply_part(model, plan, TASK, "chip")
    again = NMSparsity().callback().patterns(made, TASK)
    assert list(again) == ["chip.fc2", "chip.fc3"]


def test_options_that_are_not_accepted_are_named() -> None:
    assert "N:M must keep at least one of a group and not all of it, not 8:8" in refused(kept=8)
    assert "N:M must keep from 0 to 8 of a group, not 9" in refused(kept=9)
    assert 'of "fc1" must be "dense" or N:M' in refused(layers={"fc1": "4:4"})
    assert "method" in refused(method="bdw")
    assert "decay must be 0 for method" in refused(method="sdgp", decay=0.1)
