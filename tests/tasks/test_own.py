"""Files of a user's own as tasks, from Python and from the options of a flow file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.settings import check
from netwright.tasks import Card, Score, TableOptions, load
from netwright.tasks.card import card_path, format_card

ROWS = 40
RANDOM = np.random.default_rng(0)
ENERGY, TIME = RANDOM.normal(50, 9, ROWS), RANDOM.normal(0, 1, ROWS)
KIND = np.array(["muon", "pion"] * (ROWS // 2))
WAVES = RANDOM.normal(size=(ROWS, 12)).astype(np.float32)
SPLIT = np.array((["train"] * 3 + ["validation", "test"]) * (ROWS // 5))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["energy,time,kind,part"]
    lines += [
        f"{e!r},{t!r},{k},{s}"
        for e, t, k, s in zip(ENERGY.tolist(), TIME.tolist(), KIND, SPLIT, strict=True)
    ]
    path = tmp_path / "particles.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "pulses.npz"
    np.savez(path, wave=WAVES, meta=np.stack([ENERGY, TIME], axis=1), height=ENERGY, part=SPLIT)
    return path


def test_a_table_in_two_lines(table: Path) -> None:
    task = load(table, target="kind", split="part")
    assert task.name == "particles"
    assert task.classes == ("muon", "pion")
    assert task.features == {"x": ("energy", "time")}
    assert [len(task.train), len(task.validation), len(task.test)] == [24, 8, 8]
    raw = task.scaling["x"].raw(task.test.inputs)[:, 0]
    np.testing.assert_allclose(np.sort(raw), np.sort(ENERGY[SPLIT == "test"]), rtol=1e-6)


def test_regression_of_a_column(table: Path) -> None:
    task = load(table, inputs="time", target="energy", score="r2")
    assert (task.output_shape, task.features) == ((1,), {"x": ("time",)})
    assert load(table, inputs=["time"], target=["energy"]).loss == "mse"


def test_an_archive_of_several_inputs(archive: Path) -> None:
    task = load(
        archive, inputs={"pulse": "wave", "about": "meta"}, target="height",
        shapes={"pulse": (1, 12)}, split="part", loss="mae", score="mae", name="fit",
    )  # fmt: skip
    assert task.input_shapes == {"pulse": (1, 12), "about": (2,)}
    assert (task.name, task.loss) == ("fit", "mae")
    assert load(archive, inputs=["wave", "meta"], target="height").input_shapes == {
        "wave": (12,), "meta": (2,),
    }  # fmt: skip


def test_columns_side_by_side(archive: Path) -> None:
    task = load(archive, inputs={"all": ["wave", "meta"]}, target="height", split="part")
    assert task.input_shapes == {"all": (14,)}
    assert load(archive, inputs="wave", target=["height", "meta"]).output_shape == (3,)


@pytest.mark.parametrize("target", ["wave", ["wave"]])
def test_reconstruction(archive: Path, target: Any) -> None:
    task = load(archive, inputs="wave", target=target, loss="telescope", score="mse")
    assert np.array_equal(task.test.targets, task.test.inputs)


def test_reconstruction_of_columns(table: Path) -> None:
    both = load(table, inputs=["energy", "time"], target=["energy", "time"])
    assert np.array_equal(both.test.targets, both.test.inputs)
    again = load(table, inputs=["energy", "time"], target="x")
    assert np.array_equal(again.test.targets, both.test.targets)


def test_parquet_gives_what_csv_gives(table: Path, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="needs pyarrow (extra data)")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra data)")
    path = tmp_path / "particles.parquet"
    columns = {"energy": ENERGY, "time": TIME, "kind": KIND.tolist(), "part": SPLIT.tolist()}
    parquet.write_table(arrow.table({**columns, "id": [b"raw"] * ROWS}), path)
    one = load(path, inputs=["energy", "time"], target="kind", split="part")
    two = load(table, target="kind", split="part")
    assert np.array_equal(one.train.inputs, two.train.inputs)
    assert np.array_equal(one.test.targets, two.test.targets)
    with pytest.raises(NetwrightError, match='column "id" must hold numbers, text or lists'):
        load(path, target="kind", split="part")


def test_options_of_a_flow_file_make_the_same_task(table: Path) -> None:
    section = {"path": str(table), "target": "kind", "split": "part", "inputs": ["energy", "time"]}
    made = check(section, TableOptions, source="flow.toml").make()
    ours = load(table, target="kind", split="part")
    assert np.array_equal(made.train.inputs, ours.train.inputs)
    assert made.card == ours.card
    section = {"path": str(table), "target": "energy", "inputs": "time", "split": "part"}
    options = check(section, TableOptions, source="flow.toml")
    assert (options.make(loss="mae", score="r2").loss, options.make(score="r2").score.name) == (
        "mae", "R²",
    )  # fmt: skip


def test_a_card_beside_the_file_is_read_and_compared(table: Path) -> None:
    digest = load(table, target="kind", split="part").card.sha256
    card = Card(title="Particles", recipe="drawn", synthetic=True, sha256="")
    card_path(table).write_text(format_card(card))
    found = load(table, target="kind", split="part").card
    assert (found.title, found.sha256, found.counts) == (
        "Particles",
        digest,
        {"muon": 20, "pion": 20},
    )
    table.write_text(table.read_text().replace("muon", "kaon"))
    card_path(table).write_text(format_card(found))
    with pytest.raises(NetwrightError, match="its rows have the digest"):
        load(table, target="kind", split="part")
    own = Card(title="mine", recipe="r", synthetic=False, sha256="s")
    assert load(table, target="kind", split="part", card=own).card.title == "mine"


def test_own_score(archive: Path) -> None:
    score = Score("spread", "", False, lambda outputs, split: float(np.ptp(outputs)))
    task = load(archive, inputs="wave", target="height", score=score)
    assert task.evaluate(np.zeros((len(task.test), 1))) == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"target": "sort"}, 'FILE: has no column "sort"\nhint: it has energy, time, kind, part'),
        ({"target": "kind"}, 'FILE: the value at line 2, column "part" must be a number, not '
         '"train"'),
        ({"target": "energy", "inputs": "time", "split": "kind"}, "FILE: the split at "
         'line 2 must be train, validation or test, not "muon"'),
        ({"target": "kind", "inputs": ["energy", "speed"]}, 'FILE: has no column "speed"\nhint: it '
         "has energy, time, kind, part"),
        ({"target": "energy", "inputs": ["energy", "time"]}, 'column "energy" is an input and the '
         'target\nhint: for a reconstruction the target is the whole input: target = "x"'),
        ({"target": "kind", "split": "part", "shapes": {"x": [3]}}, 'FILE: input "x" has 2 values '
         "a row, which do not fill the shape (3,)"),
        ({"target": "kind", "split": "part", "shapes": {"y": [2]}}, 'shapes: there is no input "y"'
         "\nhint: inputs: x"),
        ({"target": "kind", "split": "part", "codes": ["x"]}, 'FILE: input "x" must hold whole '
         "numbers, being a code, not float64"),
        ({"target": "kind", "split": "part", "classes": ["muon", "kaon"]}, 'FILE: target "kind" '
         'at line 3 must be one of muon, kaon, not "pion"'),
        ({"target": "kind", "split": "part", "loss": "mse"}, 'FILE: target "kind" must hold '
         'numbers for this loss, not text such as "muon"\n'
         "hint: for classes give their names, or no loss"),
        ({"target": ["energy", "time", "kind", "part"]}, "FILE: has no column left for the inputs"),
        ({"target": ["time", "kind"], "inputs": "energy"}, 'FILE: column "kind" holds text, and '
         "only numbers go side by side\nhint: a text that shall be said is the one target"),
        ({"target": "kind", "score": 3}, "score must be a Score or a name, not int"),
        ({"target": []}, "netwright.tasks.load: target must name a column"),
        ({"target": 3}, "netwright.tasks.load: target must be a name or an array of names"),
        ({"target": "kind", "inputs": {"x": []}}, 'netwright.tasks.load: inputs must name a column '
         'for the input "x"'),
        ({"target": "kind", "inputs": ["time", "time"]}, "netwright.tasks.load: inputs must hold "
         "every name once"),
        ({"target": "kind", "seed": -1}, "netwright.tasks.load: seed must be at least 0, not -1"),
        ({"target": "kind", "shapes": {"x": [0]}}, "netwright.tasks.load: shapes.x[0] must be at "
         "least 1, not 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_file_is_refused(
    table: Path, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(NetwrightError) as caught:
        load(table, **options)
    assert str(caught.value).replace(str(table), "FILE") == expected


def test_columns_that_cannot_go_side_by_side_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, image=np.zeros((9, 2, 2)), x=np.zeros(9), y=np.zeros(8))
    with pytest.raises(
        NetwrightError, match=r'column "image" has rows of shape \(2, 2\), and only'
    ):
        load(path, inputs={"all": ["x", "image"]}, target="y")
    with pytest.raises(NetwrightError, match="columns must have as many rows, not x: 9, y: 8"):
        load(path, inputs={"all": ["x", "y"]}, target="image")


def test_unknown_settings_of_a_flow_file_are_named(table: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check({"path": str(table), "targets": "kind"}, TableOptions, source="flow.toml")
    assert 'targets is not a setting of the file; did you mean "target"?' in str(caught.value)
    assert "target is missing" in str(caught.value)


@pytest.mark.parametrize("written", ["1_0", "\u0661", "0x1F"])
def test_numbers_in_other_writings_are_told_with_their_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{i}.5,{'ab'[i % 2]}" for i in range(40)]
    path.write_text("\n".join(["p,k", *lines, f"{written},a"]), encoding="utf-8")
    with pytest.raises(DataError, match='the value at line 42 of input "x" must be a number, not'):
        load(path, inputs="p", target="k")
