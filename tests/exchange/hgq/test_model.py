import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError, MissingExtra, UnsupportedOp
from netwright.exchange import HgqModel
from netwright.verify import bit_exact, corners, random
from tests.exchange.hgq_files import DATA, MODELS, in_sequence, input_layer, write

needs_hgq = pytest.mark.skipif(
    find_spec("hgq") is None or find_spec("keras") is None, reason="needs the extra hgq"
)


@needs_hgq
@pytest.mark.parametrize("name", MODELS)
def test_hgq2_executes_the_graph_to_the_integer(name: str) -> None:
    model = HgqModel.of(DATA / f"{name}.keras")
    for stimulus in (corners(model.graph), random(model.graph, rows=500)):
        found = bit_exact(model.graph, model, stimulus.inputs)
        assert found.identical == found.rows == len(stimulus.inputs)


@needs_hgq
def test_only_the_output_can_be_seen() -> None:
    model = HgqModel.of(DATA / "hgq_dense.keras")
    rows = np.zeros((0, 6))
    output = model.graph.outputs[0]
    found = model.run(rows, keep=[model.graph.nodes[0].output])
    assert {name: codes.shape for name, codes in found.items()} == {output: (0, 3)}
    with pytest.raises(DataError, match='has no tensor "nothing"'):
        model.run(rows, keep=["nothing"])
    with pytest.raises(DataError, match=r"must have shape \(batch, 6\), not \(2, 5\)"):
        model.run(np.zeros((2, 5)))


def test_a_file_is_read_before_keras_sees_it(tmp_path: Path) -> None:
    unsafe = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l"}}
    path = write(tmp_path / "m.keras", in_sequence(input_layer(3), unsafe), {})
    with pytest.raises(UnsupportedOp, match='operator "Lambda" is not supported by read_hgq'):
        HgqModel.of(path)


def test_without_hgq2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = HgqModel.of(DATA / "hgq_dense.keras")
    for name in ("hgq", "hgq.layers"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtra, match="executing a network trained with HGQ2 needs"):
        model.load()


def test_reading_imports_neither_keras_nor_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from netwright.exchange import read_hgq\n"
        f"read_hgq(Path({str(DATA / 'hgq_dense.keras')!r}))\n"
        "assert not {'keras', 'hgq', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
