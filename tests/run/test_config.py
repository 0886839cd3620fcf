from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from netwright.errors import ConfigError
from netwright.run.config import load_toml, override
from netwright.settings import Settings


class Train(Settings):
    epochs: Annotated[int, Field(ge=1)] = 20
    learning_rate: float = 1e-3
    hidden: tuple[Annotated[int, Field(ge=1, le=512)], ...] = (64, 32)
    table: Path | None = None
    shuffle: bool = True


class Example(Settings):
    schema_version: Literal[1]
    name: str = "toy"
    train: Train = Train()


def write(folder: Path, text: str) -> Path:
    path = folder / "flow.toml"
    path.write_text(text)
    return path


def failure(path: Path, *overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_toml(path, Example, overrides=overrides)
    return caught.value


def test_arrays_fill_tuples_and_integers_fill_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'schema_version = 1\n[train]\nhidden=[8, 4]\nlearning_rate=1\ntable="t.npz"'
    )
    settings = load_toml(path, Example)
    assert settings.train.hidden == (8, 4)
    assert settings.train.learning_rate == 1.0
    assert settings.train.table == Path("t.npz")


def test_unknown_name_says_the_closest_one(tmp_path: Path) -> None:
    path = write(tmp_path, "schema_version = 1\n[train]\nlearnig_rate = 0.1")
    assert str(failure(path)) == (
        f'{path}: train.learnig_rate is not a setting of [train]; did you mean "learning_rate"?'
    )


def test_unknown_name_far_from_all_lists_them(tmp_path: Path) -> None:
    path = write(tmp_path, "schema_version = 1\nzzz = 3")
    assert str(failure(path)) == (
        f"{path}: zzz is not a setting of the file; accepted: schema_version, name, train"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('epochs = "20"', 'train.epochs must be an integer, not "20"'),
        ("epochs = true", "train.epochs must be an integer, not true"),
        ("epochs = 2.5", "train.epochs must be an integer, not 2.5"),
        ("epochs = 0", "train.epochs must be at least 1, not 0"),
        ("learning_rate = nan", "train.learning_rate must be a finite number, not NaN"),
        ("learning_rate = 1979-05-27", 'train.learning_rate must be a number, not "1979-05-27"'),
        ("shuffle = 1", "train.shuffle must be true or false, not 1"),
        ("hidden = 64", "train.hidden must be an array, not 64"),
        ("hidden = [64, 1000]", "train.hidden[1] must be at most 512, not 1000"),
    ],
)
def test_wrong_value_is_named_with_its_path(tmp_path: Path, line: str, sentence: str) -> None:
    path = write(tmp_path, f"schema_version = 1\n[train]\n{line}")
    assert str(failure(path)) == f"{path}: {sentence}"


def test_all_faults_are_listed(tmp_path: Path) -> None:
    path = write(tmp_path, 'schema_version = 2\nname = 3\n[train]\nepochs = "x"')
    assert str(failure(path)) == (
        f"{path}: 3 settings are not accepted\n"
        "  schema_version must be 1, not 2\n"
        "  name must be text, not 3\n"
        '  train.epochs must be an integer, not "x"'
    )


def test_missing_name_says_what_is_accepted(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    assert str(failure(path)) == f"{path}: schema_version is missing; it must be 1"


def test_syntax_error_says_where(tmp_path: Path) -> None:
    path = write(tmp_path, "schema_version = \n")
    assert str(failure(path)) == f"{path}: is not TOML: Invalid value (at line 1, column 18)"


def test_missing_file_lists_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "")
    assert str(failure(tmp_path / "jets.toml")) == (
        f"{tmp_path / 'jets.toml'}: no such file\nhint: files in {tmp_path}: flow.toml"
    )


def test_folder_is_refused(tmp_path: Path) -> None:
    assert str(failure(tmp_path)) == f"{tmp_path}: is a folder, not a file"


def test_other_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    path.write_bytes(b'name = "\xff"')
    assert str(failure(path)) == f"{path}: is not UTF-8 text (byte 8)"


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    with path.open("wb") as stream:
        stream.truncate(5_000_000_000)
    assert str(failure(path)) == (f"{path}: has 5000000000 bytes; at most 1000000 are read")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a = " + "[" * 100_000)
    assert str(failure(path)) == f"{path}: is not TOML: nested too deeply"


def test_override_wins_and_is_named_in_messages(tmp_path: Path) -> None:
    path = write(tmp_path, "schema_version = 1")
    assert load_toml(path, Example, overrides=["train.hidden=[3]"]).train.hidden == (3,)
    assert str(failure(path, "train.epochs=soon")) == (
        f'{path} --set train.epochs=soon: train.epochs must be an integer, not "soon"'
    )


def test_override_leaves_the_given_data_alone() -> None:
    data: dict[str, object] = {"train": {"epochs": 20}}
    assert override(data, ["train.epochs=5"]) == {"train": {"epochs": 5}}
    assert data == {"train": {"epochs": 20}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.epochs", 'an override must read key.path=value, not "train.epochs"'),
        ("train..epochs=3", 'an override must read key.path=value, not "train..epochs=3"'),
        ("name.x=3", '--set name.x=3: name is "toy", not a table'),
        ("name=[1,", '--set name=[1,: "[1," is not a TOML value'),
        ("name=1\nseed=2", "--set name=1\nseed=2: must hold one value"),
    ],
)
def test_malformed_override_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override({"name": "toy"}, [assignment])
    assert caught.value.message == message
