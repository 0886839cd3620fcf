from __future__ import annotations

import contextlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError, GraphError, RunError
from netwright.files import write_npz
from netwright.formats import Bipolar, Int
from netwright.ir import Graph, Node, Note, TensorType, interpret, load, save
from tests.ir.test_interpret import two_layers


def graph() -> Graph:
    made = two_layers(np.random.default_rng(4))
    return replace(made, notes=(Note("rq", "rounded", 1e-3, 0.5, 2.0),), head="softmax")


def test_round_trip_keeps_everything(tmp_path: Path) -> None:
    before = graph()
    after = load(save(before, tmp_path / "deep" / "g.npz"))
    assert after.digest == before.digest
    assert after.notes == before.notes
    assert after.nodes == before.nodes
    inputs = np.random.default_rng(0).normal(size=(20, 5)) * 20
    np.testing.assert_array_equal(interpret(after, inputs)["s2"], interpret(before, inputs)["s2"])


def test_round_trip_of_other_formats_and_attributes(tmp_path: Path) -> None:
    attrs = {"scale": (0.1, 1.0), "axis": 1, "rounding": "floor", "low": -1, "high": 1}
    nodes = (
        Node("q", "Quantize", ("x",), "q", attrs, "input layer"),
        Node("s", "Sign", ("q",), "y", {"offset": (np.int64(0),), "axis": None}),
    )
    types = {
        "x": TensorType((1, 2)),
        "q": TensorType((1, 2), Int(2, narrow=True), (0.1, 1.0), 1),
        "y": TensorType((1, 2), Bipolar()),
    }
    before = Graph("g", ("x",), ("y",), nodes, types, {})
    after = load(save(before, tmp_path / "g.npz"))
    assert after == before
    assert after.node("q").origin == "input layer"
    assert after.node("s").attrs["axis"] is None


def test_limits_that_do_not_limit_are_kept_and_nan_is_refused(tmp_path: Path) -> None:
    clip = Node("c", "Clip", ("x",), "y", {"low": (-np.inf,), "high": (0.5,)})
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    before = Graph("g", ("x",), ("y",), (clip,), types, {})
    assert load(save(before, tmp_path / "g.npz")) == before
    broken = before.with_node(replace(clip, attrs={"low": (np.nan,), "high": (0.5,)}))
    with pytest.raises(GraphError, match="attribute low must not hold NaN"):
        load(save(broken, tmp_path / "g.npz"))


def test_equal_graphs_make_equal_files(tmp_path: Path) -> None:
    first, second = save(graph(), tmp_path / "a.npz"), save(graph(), tmp_path / "b.npz")
    assert first.read_bytes() == second.read_bytes()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path / "none.npz")
    assert str(caught.value) == f"{tmp_path}/none.npz: no such file"


HINT = "hint: write it again with netwright.ir.save"


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(path)
    text = str(caught.value)
    kinds = ("not a graph file of schema 2 (", '"graph" must hold numbers or text, not object')
    assert text.removeprefix(f"{path}: ").startswith(kinds)
    assert text.endswith(f"\n{HINT}")
    return text


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 and no more"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.npz"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("kept", [10, 200, 0.5, 0.9, -1])
def test_truncated_files_are_refused(tmp_path: Path, kept: float) -> None:
    path = save(graph(), tmp_path / "g.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    refusal(path)


@pytest.mark.parametrize("position", range(0, 400, 40))
def test_a_changed_byte_never_gives_another_graph(tmp_path: Path, position: int) -> None:
    path = save(graph(), tmp_path / "g.npz")
    content = bytearray(path.read_bytes())
    content[position] ^= 0x5A
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert load(path) == graph()


def test_pickles_are_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "exploded",)  # type: ignore[return-value]

    path = tmp_path / "g.npz"
    path.write_bytes(pickle.dumps(Bomb()))
    refusal(path)
    np.savez(path, graph=np.array([Bomb()], dtype=object))
    refusal(path)
    assert not (tmp_path / "exploded").exists()


def test_a_plain_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.npz"
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    refusal(path)


def rewritten(path: Path, change: dict[str, object]) -> Path:
    """The saved graph with a changed description."""
    with np.load(save(graph(), path)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    document = {**json.loads(arrays["graph"].tobytes()), **change}
    arrays["graph"] = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    return write_npz(path, arrays)


def test_another_schema_and_unknown_keys_are_refused(tmp_path: Path) -> None:
    refusal(rewritten(tmp_path / "g.npz", {"schema_version": 1}))
    refusal(rewritten(tmp_path / "g.npz", {"author": "me"}))
    refusal(rewritten(tmp_path / "g.npz", {"nodes": "none"}))


def test_impossible_widths_are_refused(tmp_path: Path) -> None:
    types = {
        "x": {"shape": [1, 5], "number": {"kind": "int", "bits": 99}, "scale": [1.0], "axis": None},
    }
    path = rewritten(tmp_path / "g.npz", {"types": types})
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == (
        f'{path}: tensor "x": bits must be an integer from 1 to 64, not 99'
    )


def test_a_file_with_a_broken_graph_is_checked(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "g.npz", {"outputs": ["nowhere"]})
    with pytest.raises(GraphError, match='output "nowhere" is made by no node'):
        load(path)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save(graph(), tmp_path / "file" / "g.npz")
