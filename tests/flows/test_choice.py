from pathlib import Path

import pytest

from netwright import registry
from netwright.errors import ConfigError
from netwright.flows.flow import load_flow
from netwright.flows.sections import ModelSection, TaskSection
from netwright.run.plan import stage_key
from netwright.run.stage import Flow

MODELS = ", ".join(f'"{name}"' for name in registry.entries("models"))
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, task, width: int = 6):
        super().__init__()
        self.first = nn.Linear(task.input_shape[0], width)
        self.last = nn.Linear(width, len(task.classes))

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))

def loss(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)

def noise(task):
    return 3

def picky(width: int):
    raise ValueError("too picky")
"""
FLOW = """
schema_version = 1
name = "mine"
task = { kind = "jets", rows = 500, loss = "my_net.py:loss" }
model = { kind = "my_net.py:Net", width = 8 }
compress = { kind = "fixed", weight_bits = 4, activation_bits = 5 }
"""


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "my_net.py").write_text(NET)
    path = tmp_path / "mine.toml"
    path.write_text(FLOW)
    return path


def key(flow: Flow, name: str) -> str:
    from netwright.run.plan import digests

    stage = next(stage for stage in flow.stages if stage.name == name)
    unread = type(stage)(stage.name, 1, stage.parameters, (), stage.function, stage.files)
    return stage_key(unread, digests(unread, {}))


def test_a_file_of_ones_own_is_read_with_its_options(flow: Path) -> None:
    read = load_flow(flow)
    train = next(stage for stage in read.stages if stage.name == "train")
    assert set(train.files) == {"model", "task.loss"}
    assert train.parameters.model.options == {"width": 8}
    assert dict(read.sources) == {"my_net.py": flow.parent / "my_net.py"}
    assert [stage.name for stage in read.stages][:3] == ["data", "train", "compress"]


def test_the_contents_of_a_file_are_part_of_the_key_and_its_place_is_not(
    flow: Path, tmp_path: Path
) -> None:
    first = load_flow(flow)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("mine.toml", "my_net.py"):
        (elsewhere / name).write_text((flow.parent / name).read_text())
    assert key(load_flow(elsewhere / "mine.toml"), "train") == key(first, "train")
    (elsewhere / "my_net.py").write_text(NET.replace("torch.relu", "torch.tanh"))
    assert key(load_flow(elsewhere / "mine.toml"), "train") != key(first, "train")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("width = 8", "widht = 8", 'model.widht is not a setting of [model]; did you mean "width"'),
        ("width = 8", 'width = "8"', 'model.width must be an integer, not "8"'),
        ("my_net.py:Net", "my_net.py:Nets", 'model.kind {folder}/my_net.py: has no "Nets" '
         "(it defines Net, loss, noise, picky)"),
        ("my_net.py:Net", "../my_net.py:Net", 'model.kind "../my_net.py" must lie in the folder of '
         "the file that names it, {folder} (copy it there)"),
        ("my_net.py:Net", "gone.py:Net", "model.kind {folder}/gone.py: no such file"),
        ('"my_net.py:Net", width = 8', '"mpl"', f'model.kind must be {MODELS} '
         'or "FILE.py:NAME", not "mpl"; did you mean "mlp"?'),
        ('"my_net.py:Net", width = 8', "3", "model.kind must be text, not 3; it must be "
         f'{MODELS} or "FILE.py:NAME"'),
        ('{ kind = "my_net.py:Net", width = 8 }', "3", "model must be a table or a name, not 3"),
        ("my_net.py:loss", "my_net.py:los", 'task.loss {folder}/my_net.py: has no "los"\nhint: '
         "it defines Net, loss, noise, picky"),
        ('kind = "fixed", ', "", "compress.budget is missing; it must be a table"),
    ],
)  # fmt: skip
def test_what_is_not_accepted_is_named(flow: Path, old: str, new: str, sentence: str) -> None:
    flow.write_text(FLOW.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_flow(flow)
    shown = caught.value.message
    assert sentence.format(folder=flow.parent) in shown, shown


def test_a_name_alone_is_a_section(flow: Path) -> None:
    flow.write_text(FLOW.replace('{ kind = "my_net.py:Net", width = 8 }', '"my_net.py:Net"'))
    train = next(stage for stage in load_flow(flow).stages if stage.name == "train")
    assert train.parameters.model.options == {"width": 6}


def test_what_cannot_be_made_says_why(flow: Path) -> None:
    from netwright.flows.stages.common import load_task, new_model

    task = load_task(TaskSection.of("jets", rows=100), {})
    path = flow.parent / "my_net.py"
    picky = ModelSection.of(f"{path}:picky", width=1)
    with pytest.raises(ConfigError, match="cannot be made: ValueError: too picky"):
        new_model(picky, task, 7, {"model": path})
    with pytest.raises(ConfigError, match=r"must make a torch\.nn\.Module, not int"):
        new_model(ModelSection.of(f"{path}:noise"), task, 7, {"model": path})
    with pytest.raises(ConfigError, match=r"must make a netwright\.tasks\.Task, not int"):
        load_task(TaskSection.of(f"{path}:noise", task=None), {"task": path})


def test_a_table_of_ones_own_is_a_task(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i % 7},{i % 3 + 0.5}" for i in range(60))
    (tmp_path / "mine.csv").write_text(f"a,b,y\n{rows}\n")
    text = FLOW.replace("my_net.py:Net", "mlp").replace(", width = 8", "")
    task = 'task = { kind = "table", path = "mine.csv", target = "y", score = "rmse" }'
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(task if line.startswith("task") else line
                              for line in text.splitlines()))  # fmt: skip
    data = load_flow(path).stages[0]
    assert data.files == {"task.path": tmp_path / "mine.csv"}
    from netwright.flows.stages.common import load_task

    made = load_task(data.parameters.task, data.files)
    assert (made.score.name, made.output_shape) == ("root mean squared error", (1,))
