"""Every kind of file that the package reads: valid files of it, their changes, and the reader."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from .mutations import BYTES, TEXT, Change, header, inside

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "exchange" / "data"


SMALL = {"hidden": 8, "layers": 1, "heads": 2, "intermediate": 16, "vocabulary": 9, "positions": 4}
"""Shape of the encoder that is stored."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        suffix: Of its names.
        seeds: Valid files.
        changes: What is done to them, one of them each time, equally often.
        read: Reads a file, and does with it what is done with it next.
        sealed: Whether every byte that matters is covered by a checksum: then nothing that was
            changed by a change of :data:`BYTES` may be accepted with another meaning.
        weight: Share of the inputs.
    """

    suffix: str
    seeds: Sequence[bytes]
    changes: Sequence[Change]
    read: Callable[[Path], Any]
    sealed: bool = False
    weight: int = 10
    beside: Mapping[str, bytes] = field(default_factory=dict)


def _fixtures(*names: str) -> list[bytes]:
    return [(DATA / name).read_bytes() for name in names]


def _npy(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return random.choice((*BYTES, header, header, header))(random, data, others)


def _member(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A change to a member that is text or an array."""
    if data.startswith(b"\x93NUMPY"):
        return _npy(random, data, others)
    return random.choice(TEXT if data.lstrip()[:1] in (b"{", b"[") else BYTES)(random, data, others)


def _text_in_array(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A change to the description of a graph, which is stored as an array of bytes."""
    if not data.startswith(b"\x93NUMPY"):
        return data
    at = 10 + struct.unpack_from("<H", data, 8)[0]
    if data[at : at + 1] != b"{":
        return _npy(random, data, others)
    body = random.choice(TEXT)(random, data[at:], others)
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(body)},), }}\n".encode()
    return data[:8] + struct.pack("<H", len(head)) + head + body


def _resealed(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A change behind the digest of a stored encoder, with a digest that fits again."""
    body = random.choice(BYTES)(random, data[40:], others)
    if random.random() < 0.5 and len(body) > 4:
        length = struct.unpack_from("<I", data, 40)[0]
        text = random.choice(TEXT)(random, data[44 : 44 + length], others)
        body = struct.pack("<I", len(text)) + text + data[44 + length :]
    return data[:8] + hashlib.sha256(body).digest() + body


def _graphs(folder: Path) -> dict[str, Kind]:
    from netwright import ir
    from netwright.exchange import read_qonnx, read_workload
    from netwright.passes import integerize
    from netwright.verify import read_rows

    from .onnx_mutations import structure

    seeds = []
    for name in ("mlp_po2", "conv"):
        path = DATA / f"brevitas_{name}.onnx"
        ir.save(integerize(read_qonnx(path)), folder / "graph.npz")
        seeds.append((folder / "graph.npz").read_bytes())

    def run_graph(path: Path) -> Any:
        graph = ir.load(path)
        if graph.is_integer and len(graph.inputs) == 1:
            rows = np.zeros((1, *graph.types[graph.inputs[0]].shape[1:]))
            ir.interpret(graph, rows)
        return graph.digest

    def convert(path: Path) -> Any:
        return integerize(read_qonnx(path)).digest

    rows_of = ir.load(folder / "graph.npz")
    width = rows_of.types[rows_of.inputs[0]].shape[1:]
    np.savez(folder / "rows.npz", **{rows_of.inputs[0]: np.ones((3, *width))})
    line = ",".join(["0.5"] * int(np.prod(width)))

    def rows(path: Path) -> Any:
        return read_rows(path, rows_of)

    models = _fixtures("brevitas_mlp_po2.onnx", "brevitas_mlp_float.onnx", "brevitas_conv.onnx")
    beside = {path.name: path.read_bytes() for path in DATA.glob("*.onnx.data")}
    onnx_changes = (*BYTES, *(structure,) * 12)
    return {
        "onnx": Kind(".onnx", models, onnx_changes, convert, weight=20, beside=beside),
        "onnx-shapes": Kind(".onnx", models, onnx_changes, read_workload, weight=8, beside=beside),
        "rows-npz": Kind(
            ".npz", [(folder / "rows.npz").read_bytes()], (*BYTES, inside((_npy,))), rows, weight=5
        ),
        "rows-csv": Kind(".csv", [f"{line}\n{line}\n".encode()], TEXT, rows, weight=5),
        "npz-graph": Kind(".npz", seeds, BYTES, run_graph, sealed=True),
        "npz-graph-inside": Kind(
            ".npz", seeds, (inside((_text_in_array,)), inside((_npy,))), run_graph
        ),
    }


def _texts(folder: Path) -> dict[str, Kind]:
    from netwright.arch.load import load
    from netwright.flows.flow import load_flow
    from netwright.run.config import load_toml
    from netwright.studies.study import Study
    from netwright.tasks.card import read_card

    def files(*patterns: str) -> list[bytes]:
        return [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))]

    package = "src/netwright"
    flows, machines = files("flows/*.toml"), files(f"{package}/arch/library/*.toml")
    studies, cards = files(f"{package}/studies/*.toml"), files(f"{package}/tasks/data/*.card.toml")
    return {
        "toml-flow": Kind(".toml", flows, TEXT, load_flow, weight=14),
        "toml-machine": Kind(".toml", machines, TEXT, load, weight=10),
        "toml-study": Kind(".toml", studies, TEXT, lambda path: load_toml(path, Study), weight=4),
        "toml-card": Kind(".toml", cards, TEXT, read_card, weight=8),
    }


def _records(folder: Path) -> dict[str, Kind]:
    from netwright.compress.plan import LayerPlan, Plan, load_plan, save_plan
    from netwright.flows.certificate import CERTIFICATE, read_certificate
    from netwright.report import Document
    from netwright.report.store import read
    from netwright.run.machine import machine
    from netwright.run.manifest import MANIFEST, Manifest, read_manifest

    plan = Plan((LayerPlan("fc1", 4, 8), LayerPlan("fc2", 6, 6)))
    save_plan(plan, folder / "plan.json")
    report = Document(name="a", title="b", task="c").to_json().encode()
    manifest = Manifest(
        netwright="0.1.0", commit=None, dirty=None, flow="jets", started="", updated="",
        arguments=("run",), seeds=(1,), machine=machine(), stages=(),
    ).model_dump_json().encode()  # fmt: skip
    row = {
        "stage": "QONNX",
        "against": "graph",
        "stimuli": "random",
        "num_rows": 5,
        "num_identical": 5,
    }

    def named(name: str, reader: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def run(path: Path) -> Any:
            path.replace(path.with_name(name))
            return reader(path.parent)

        return run

    return {
        "json-report": Kind(".json", [report], TEXT, read, weight=8),
        "json-plan": Kind(
            ".json", [(folder / "plan.json").read_bytes()], TEXT, load_plan, weight=6
        ),
        "json-manifest": Kind(".json", [manifest], TEXT, named(MANIFEST, read_manifest), weight=6),
        "json-certificate": Kind(
            ".json",
            [json.dumps([row]).encode()],
            TEXT,
            named(CERTIFICATE, read_certificate),
            weight=4,
        ),
    }


def _tables(folder: Path) -> dict[str, Kind]:
    import h5py

    from netwright.tasks.jets_features import CLASSES, FEATURES
    from netwright.tasks.jets_public import LABEL_COLUMN, read_hdf5, read_text_table
    from netwright.tasks.table import Table, digest, read_table, write_table

    generator = np.random.default_rng(0)
    features = generator.normal(size=(5, len(FEATURES))).astype(np.float32)
    labels = np.arange(5, dtype=np.int64) % len(CLASSES)
    write_table(folder / "jets.npz", Table(features, labels))
    heading = ",".join((*FEATURES, LABEL_COLUMN))
    rows = [",".join([*map(str, row), CLASSES[k]]) for row, k in zip(features, labels, strict=True)]
    csv = "\n".join([heading, *rows]).encode()
    attributes = [f"@ATTRIBUTE {name} REAL" for name in FEATURES]
    arff = "\n".join(
        ["@RELATION jets", *attributes, f"@ATTRIBUTE {LABEL_COLUMN} {{g}}", "@DATA", *rows]
    ).encode()
    truth = [f"j_{name}" for name in CLASSES]
    with h5py.File(folder / "jets.h5", "w") as file:
        file["jetFeatureNames"] = np.array([*FEATURES, *truth], dtype="S")
        file["jets"] = np.concatenate([features, np.eye(len(CLASSES), dtype="f4")[labels]], axis=1)
        file["extra"] = np.zeros(3)
    with h5py.File(folder / "packed.h5", "w") as file:
        file["jetFeatureNames"] = np.array([*FEATURES, *truth], dtype="S")
        data = np.concatenate([features, np.eye(len(CLASSES), dtype="f4")[labels]], axis=1)
        file.create_dataset("jets", data=data, compression="gzip", chunks=(2, data.shape[1]))
    stored = (folder / "jets.npz").read_bytes()

    def text(path: Path) -> Any:
        return digest(read_text_table(path))

    def table(path: Path) -> Any:
        return digest(read_table(path))

    hdf5 = [(folder / name).read_bytes() for name in ("jets.h5", "packed.h5")]
    return {
        "csv": Kind(".csv", [csv], TEXT, text, weight=8),
        "arff": Kind(".arff", [arff], TEXT, text, weight=4),
        "h5": Kind(".h5", hdf5, BYTES, read_hdf5, weight=10),
        "npz-table": Kind(".npz", [stored], BYTES, table, sealed=True, weight=6),
        "npz-table-inside": Kind(".npz", [stored], (inside((_npy,)),), table, weight=6),
    }


def _own_data(folder: Path) -> dict[str, Kind]:
    from netwright.tasks import Task, load

    generator = np.random.default_rng(0)
    values, kinds = generator.normal(size=(40, 2)), np.array(["a", "b"] * 20)
    lines = [f"{x!r};{y!r};{k}" for (x, y), k in zip(values.tolist(), kinds, strict=True)]
    np.savez(folder / "own.npz", pulse=values.astype(np.float32), kind=kinds)
    stored = (folder / "own.npz").read_bytes()

    def task(path: Path) -> Any:
        return _content(load(path, target="kind"))

    def _content(found: Task) -> bytes:
        parts = (found.train, found.validation, found.test)
        arrays = [array for part in parts for array in (*part.arrays.values(), part.targets)]
        return b"".join(array.tobytes() for array in arrays)

    csv = "\n".join(["x;y;kind", *lines]).encode()
    found = {
        "own-csv": Kind(".csv", [csv], TEXT, task, weight=8),
        "own-npz": Kind(".npz", [stored], BYTES, task, sealed=True, weight=4),
        "own-npz-inside": Kind(".npz", [stored], (inside((_npy,)),), task, weight=6),
    }
    if find_spec("pyarrow") is not None:
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.table({"x": values[:, 0], "w": values.tolist(), "kind": kinds.tolist()})
        pyarrow.parquet.write_table(table, folder / "own.parquet")
        parquet = [(folder / "own.parquet").read_bytes()]
        found["own-parquet"] = Kind(".parquet", parquet, BYTES, task, weight=8)
    return found


def _networks(folder: Path) -> dict[str, Kind]:
    from netwright.exchange import HgqModel
    from netwright.kernels import load_packed, pack, save_packed

    def archive(path: Path) -> Any:
        return HgqModel.of(path).graph.digest

    models = _fixtures("hgq_dense.keras", "hgq_modes.keras")
    weights = np.random.default_rng(0).integers(-3, 4, (16, 64)).astype(np.int8)
    save_packed(pack(weights, block_rows=4), folder / "packed.nwb")
    return {
        "keras": Kind(".keras", models, BYTES, archive, sealed=True, weight=6),
        "keras-inside": Kind(".keras", models, (inside((_member,)),), archive, weight=12),
        "packed": Kind(
            ".nwb", [(folder / "packed.nwb").read_bytes()], BYTES,
            lambda path: load_packed(path).digest(), sealed=True, weight=6,
        ),
    }  # fmt: skip


def _engines(folder: Path) -> dict[str, Kind]:
    import torch

    from netwright.backends.cpu.encoders import load_encoder, save_encoder
    from netwright.backends.cpu.weights import tensor_shapes
    from netwright.exchange.bert.shape import EncoderShape
    from netwright.train.weights import load_weights, save_weights

    torch.set_num_threads(1)
    shape = EncoderShape(**SMALL)
    generator = np.random.default_rng(0)
    state = {
        name: generator.normal(size=extents).astype(np.float32) * 0.1
        for name, extents in tensor_shapes(shape).items()
    }
    model = torch.nn.Linear(3, 2)
    save_weights(model, folder / "weights.npz")
    weights = (folder / "weights.npz").read_bytes()

    def load(path: Path) -> Any:
        load_weights(model, path)
        return model.weight.detach().numpy().tobytes() + model.bias.detach().numpy().tobytes()

    kinds = {
        "npz-weights": Kind(".npz", [weights], BYTES, load, sealed=True, weight=4),
        "npz-weights-inside": Kind(".npz", [weights], (inside((_npy,)),), load, weight=4),
    }
    engine = _engine_seed(folder, shape, state, save_encoder)
    if engine is not None:

        def stored(path: Path) -> Any:
            found = load_encoder(path, state)
            return b"".join(found.weights.tensors[name].tobytes() for name in found.weights.tensors)

        kinds |= {
            "engine": Kind(".nwt", [engine], BYTES, stored, sealed=True, weight=6),
            "engine-resealed": Kind(".nwt", [engine], (_resealed,), stored, weight=6),
        }
    return kinds


def _engine_seed(folder: Path, shape: Any, state: Any, save: Any) -> bytes | None:
    from netwright.backends.cpu.weights import read_state
    from netwright.exchange.bert.shape import SITES

    ranges = {}
    for site in SITES:
        for end, value in (("low", -1.0), ("high", 1.0)):
            ranges[f"encoder.layer.0.grids.{site}.{end}"] = value
    try:
        save(read_state({**state, **ranges}, shape), folder / "engine.nwt", recipe={"seed": 0})
    except Exception as error:
        raise SystemExit(f"the seed of stored engines cannot be made: {error}") from error
    return (folder / "engine.nwt").read_bytes()


def _tensors(folder: Path) -> dict[str, Kind]:
    from netwright.exchange.bert.shape import EncoderShape
    from netwright.models.text import TextEncoder, _load_weights

    if find_spec("safetensors") is None:
        return {}
    from safetensors.numpy import save_file

    model = TextEncoder(EncoderShape(**SMALL))
    save_file(
        {n: v.detach().numpy() for n, v in model.named_parameters()}, folder / "a.safetensors"
    )
    stored = [(folder / "a.safetensors").read_bytes()]

    def load(path: Path) -> Any:
        return _load_weights(model, path)

    return {"safetensors": Kind(".safetensors", stored, BYTES, load, weight=4)}


def _costs(folder: Path) -> dict[str, Kind]:
    """Cascades, mappings and spaces of searches, and what is done with them next."""
    from netwright import mapping
    from netwright.arch.load import find
    from netwright.explore.space_file import load as load_space
    from netwright.explore.study import ASKED, STUDY, TRIALS, open_study
    from netwright.workload import cascade
    from netwright.workload.passes import passes, rank_names

    machine, small = find("fusemax"), cascade.find("attention_1pass", extents={"p": 64, "m1": 2})
    found = mapping.fusion(small, machine, time_limit_s=5.0)
    stays = mapping.Mapping("unfused", tuple(e.name for e in small.einsums))

    def analyze(path: Path) -> Any:
        workload = cascade.find(str(path))
        if len(workload.einsums) < 40:
            for name in rank_names(workload):
                passes(workload, name)
        return workload

    def take(path: Path) -> Any:
        given = mapping.load(path)
        return mapping.faults(small, machine, given)

    study = _study(folder)

    def opened(path: Path) -> Any:
        for name in (STUDY, ASKED):
            if name in study:
                (path.parent / name).write_bytes(study[name])
        path.replace(path.with_name(TRIALS))
        return len(open_study(path.parent).trials)

    def named(path: Path) -> Any:
        path.replace(path.with_name(STUDY))
        (path.parent / TRIALS).write_bytes(study[TRIALS])
        return open_study(path.parent).identity

    texts = [p.read_bytes() for p in sorted(ROOT.glob("src/netwright/**/*.einsum"))]
    spaces = [_absolute(p) for p in sorted(ROOT.glob("spaces/*.toml"))]
    mappings = [mapping.write(each).encode() for each in (found.mapping, stays)]
    return {
        "einsum": Kind(".einsum", texts, TEXT, analyze, weight=10),
        "toml-mapping": Kind(".toml", mappings, TEXT, take, weight=8),
        "toml-space": Kind(".toml", spaces, TEXT, load_space, weight=8),
        "json-search": Kind(".json", [study[STUDY]], TEXT, named, weight=6),
        "jsonl-trials": Kind(".jsonl", [study[TRIALS]], TEXT, opened, weight=6),
    }


def _absolute(path: Path) -> bytes:
    """A space whose files are found from any folder."""
    text = path.read_text().replace('"../', f'"{ROOT}/')
    return re.sub(r'"(\w+\.onnx)"', rf'"{path.parent}/\1"', text).encode()


def _study(folder: Path) -> dict[str, bytes]:
    """The files of a small search."""
    from netwright import explore

    parameters = (
        explore.Choice(name="a", paths=("a",), values=(1, 2, 3)),
        explore.Real(name="b", paths=("b",), low=0.0, high=1.0),
    )
    space = explore.Space(parameters=parameters, goals=(explore.Goal(value="c"),))
    made = folder / "study"
    explore.Search(space, explore.Function(_cost), explore.Random(), batch=4).run(
        trials=8, folder=made
    )
    return {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()}


def _cost(settings: Any) -> dict[str, float]:
    return {"c": settings["a"] * settings["b"]}


def _gguf(folder: Path) -> dict[str, Kind]:
    if find_spec("gguf") is None:
        return {}
    from netwright.exchange.gguf import read_gguf

    sys.path.append(str(ROOT))  # a test writes such files
    from tests.exchange.gguf.files import write

    whole = write(folder / "small.gguf").read_bytes()

    def load(path: Path) -> Any:
        file = read_gguf(path)
        return [float(file.tensor(name).sum()) for name in file.entries]

    return {"gguf": Kind(".gguf", [whole], BYTES, load, weight=8)}


MAKERS = (
    _costs,
    _gguf,
    _texts,
    _graphs,
    _records,
    _tables,
    _own_data,
    _networks,
    _engines,
    _tensors,
)


def make_kinds(folder: Path) -> dict[str, Kind]:
    """All kinds, with seeds that are made in `folder`."""
    kinds: dict[str, Kind] = {}
    for maker in MAKERS:
        kinds |= maker(folder)
    return kinds
