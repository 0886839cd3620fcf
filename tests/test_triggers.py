"""The ruler for jet triggers: folders that others publish, whole and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.peers import PeerMissing
from benchmarks.triggers import __main__ as ruler
from benchmarks.triggers import generators, hgq2, kanele, netlists
from benchmarks.triggers.contestants import Contestant, Counts, Ours, Unusable
from benchmarks.triggers.encoder import encoder, of_graph

from netwright import ir, tasks
from netwright.errors import BackendError
from netwright.ir import Graph, Interpreter
from netwright.tasks import Split
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import two_layers

WIDTHS, BITS = [2, 2, 1], [2, 3, 3]
TABLES = {
    (0, 0, 0): (-4, 1, 2, 3),
    (0, 1, 0): (3, 3, 0, -1),
    (0, 1, 1): (1, -2, 1, 0),
    (1, 0, 0): (-4, -3, -2, -1, 0, 1, 2, 3),
    (1, 1, 0): (1, 1, 1, 1, -1, -1, -1, -1),
}


def outputs(rows: np.ndarray) -> np.ndarray:
    """What the hardware does, one row and one function after another."""
    found = []
    for row in rows:
        codes, first = list(row), 0
        for layer in range(2):
            sums = [0] * WIDTHS[layer + 1]
            for (own, source, target), table in TABLES.items():
                if own == layer:
                    sums[target] += table[codes[source] - first]
            codes, first = [min(max(total, -4), 3) for total in sums], -4
        found.append(codes)
    return np.array(found)


def model(folder: Path) -> Path:
    """A model folder of KANELÉ in small."""
    (folder / "firmware" / "mem").mkdir(parents=True)
    (folder / "firmware" / "sim").mkdir()
    config = {"layers": WIDTHS, "layers_bitwidth": BITS}
    (folder / "config.json").write_text(json.dumps(config))
    for (layer, source, target), table in TABLES.items():
        text = "\n".join(f"{value % 8:x}" for value in table)
        (folder / "firmware" / "mem" / f"lut_{layer}_{source}_{target}.mem").write_text(text)
    rows = np.array([[a, b] for a in range(4) for b in range(4)])
    np.savetxt(folder / "firmware" / "sim" / "vectors_in.txt", rows, fmt="%d")
    np.savetxt(folder / "firmware" / "sim" / "vectors_out.txt", outputs(rows), fmt="%d")
    return folder


def test_published_tables_become_a_graph_that_computes_the_same(tmp_path: Path) -> None:
    graph = kanele.read(model(tmp_path / "official"))
    rows = np.random.default_rng(0).integers(0, 4, (50, 2))
    codes = Interpreter.of(graph).run(rows.astype(float))[graph.outputs[0]]
    assert np.array_equal(codes, outputs(rows))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", '{"version": 2}', "must be lists"),
        ("config.json", "[]", "must be lists"),
        ("config.json", '{"layers": [2, 2, 1], "layers_bitwidth": [2, 3]}', "must be lists"),
        ("config.json", '{"layers": [2, 2, 1], "layers_bitwidth": [2, 3, 99]}', "must be lists"),
        ("firmware/mem/lut_0_0_0.mem", "1\n2\n", "must have 4 entries, not 2; is it cut?"),
        ("firmware/mem/lut_0_0_0.mem", "1\n2\n3\nxyz", "something else than hexadecimal"),
        (
            "config.json",
            '{"layers": [999, 999], "layers_bitwidth": [12, 3]}',
            "a layer of more than",
        ),
        ("firmware/mem/lut_0_0_0.mem", "1\n2\n3\n-9999999999999999999", "something else than hex"),
        ("firmware/mem/lut_0_0_0.mem", "1\n2\n3\nff", "numbers of more than 3 bits"),
        ("firmware/mem/lut_0_7_0.mem", "1\n2\n3\n3", "is no table of a layer of 2 to 2"),
        ("firmware/mem/lut_0_0_0.mem", "1\n2\n3\n3", "do not give the outputs of its own test"),
        ("firmware/sim/vectors_in.txt", "1 2\n1 2 3\n", "row 2 must be 2 whole numbers"),
        ("firmware/sim/vectors_out.txt", "one\n", "row 1 must be 1 whole numbers"),
        ("firmware/sim/vectors_out.txt", "0\n1\n", "16 rows of inputs and 2 of outputs; is one"),
        ("firmware/sim/vectors_in.txt", "", "has no rows"),
    ],
)
def test_a_damaged_model_folder_is_refused(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    folder = model(tmp_path / "official")
    (folder / file).write_text(text)
    with pytest.raises(Unusable, match=message):
        kanele.read(folder)


SCALES = {
    "pre_transforms.0.running_mean": [0.0, 1.0],
    "pre_transforms.0.running_var": [1.0, 1.0],
    "pre_transforms.0.weight": [1.0, 1.0],
    "pre_transforms.0.bias": [0.0, 0.0],
    "pre_transforms.1.bias": [0.5],
    "brevitas_module.value": 2.0,
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, None),
        ({"pre_transforms.0.weight": [1.0, 1.0, 1.0]}, "must hold the scales of 2 inputs"),
        ({"brevitas_module.value": [2.0, 2.0]}, "must hold the scales of 2 inputs"),
        ({"brevitas_module.value": 0.0}, "are not finite"),
        ({"pre_transforms.0.running_var": [-5.0, 1.0]}, "are not finite"),
        ({"pre_transforms.0.weight": [1e30, 1.0]}, "out of every range"),
        ({"pre_transforms.0.weight": [0.0, 0.0]}, "out of every range"),
    ],
)
def test_scales_that_are_none_are_refused(
    tmp_path: Path, changed: dict[str, object], message: str | None
) -> None:
    folder = model(tmp_path / "official")
    state = {f"input_layer.{k}": torch.tensor(v) for k, v in (SCALES | changed).items()}
    torch.save({"model_state_dict": state}, folder / "acc0.7600.pt")
    if message is None:
        assert encoder(*kanele.input_scales(folder)).types["code"].shape == (1, 2)
        return
    with pytest.raises(Unusable, match=message):
        encoder(*kanele.input_scales(folder))


def test_a_published_figure_stays_with_the_model_it_was_published_for(tmp_path: Path) -> None:
    for name in ("official", "newer"):
        model(tmp_path / kanele.FOLDERS[0][1] / name)
        model(tmp_path / kanele.FOLDERS[1][1] / name)
    found = {c.design: c.published for c in kanele.contestants(tmp_path)}
    assert found["KANELÉ official"].startswith("1 232 LUT")
    assert found["KANELÉ newer"] == "none found for this model"


def test_verilog_of_other_tools_is_read_in_several_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "  wire [BW_ADD-1:0] accum;\n      wire signed [B-1:0] accum = a + b;\n"
    places = [tmp_path / "alkaid", tmp_path / "alkaid-ternary"]
    for place in places:
        (place / "src").mkdir(parents=True)
        (place / "src" / "shift_adder.v").write_text(text)
    monkeypatch.setattr(
        generators, "read_foreign", lambda paths, *, folder, top: (paths[0].name, folder.name, top)
    )
    assert generators.forms(tmp_path, "jets", places).designs == (
        ("src", "build-alkaid", "jets"),
        ("src", "build-alkaid-ternary", "jets"),
        ("alkaid-kept", "build-alkaid-kept", "jets"),
    )
    kept = (tmp_path / "alkaid-kept" / "shift_adder.v").read_text()
    assert kept == text.replace("wire", "(* keep *) wire")


def test_a_tool_that_is_not_there_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*given: object, **more: object) -> None:
        raise PeerMissing("alkaid cannot be installed: no network")

    monkeypatch.setattr(generators, "generate", absent)
    folder = model(tmp_path / kanele.FOLDERS[0][1] / "official")
    model(tmp_path / kanele.FOLDERS[1][1] / "official")
    theirs = next(c for c in kanele.contestants(tmp_path) if c.rtl == "alkaid")
    assert folder.name in theirs.name
    monkeypatch.setattr(ruler, "BUILD", tmp_path / "build")
    said = ruler.measure(theirs, route=False).problem
    assert said == "not measured: alkaid: alkaid cannot be installed: no network"


def test_what_was_measured_is_printed_when_the_ruler_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(folder: Path) -> Ours:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ours, "count", lambda self, part: Counts(12, 1, 2, 3, 4, {"rom": 5}))
    made = (
        Contestant("First", "OpenML", "ours", "76", lambda folder: Ours(two_layers(), folder)),
        Contestant("Second", "OpenML", "ours", "76", interrupt),
    )
    monkeypatch.setattr(ruler, "everyone", lambda folder, own, given: (list(made), []))
    monkeypatch.setattr(ruler, "BUILD", tmp_path)
    only = ["--only", "First, OpenML, Verilog by ours", "--only", "Second"]
    assert ruler.main(only) == 130
    out = " ".join(capsys.readouterr().out.split())
    assert "First, OpenML, Verilog by ours: 12 LUT; open: 5 rom" in out
    assert "trained on OpenML 42468" in out
    assert "ended after 1 of 2 rows; the same command goes on" in out


def test_what_picks_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model(tmp_path / "KANELE" / kanele.FOLDERS[0][1] / "official")
    for arguments, said in (
        (["--peers", str(tmp_path / "none")], "is no folder"),
        (["--peers", str(tmp_path), "--only", "kan"], "KANELÉ official, OpenML, Verilog by ours"),
    ):
        with pytest.raises(SystemExit, match="2"):
            ruler.main(arguments)
        assert said in capsys.readouterr().err


def test_a_clone_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"has no folder with a config\.json"):
        list(kanele.contestants(tmp_path))
    with pytest.raises(Unusable, match=r"has no \.keras file"):
        list(hgq2.contestants(tmp_path, method="HGQ", folders=(("OpenML", "models"),)))
    with pytest.raises(Unusable, match=r"has no folder with a card\.toml"):
        list(netlists.contestants(tmp_path))


def test_what_one_folder_lacks_takes_no_row_of_another(tmp_path: Path) -> None:
    model(tmp_path / "KANELE" / kanele.FOLDERS[1][1] / "official")
    found, absent = ruler.everyone(tmp_path, [str(tmp_path / "none.npz")], {})
    assert [c.name for c in found] == [
        f"KANELÉ official, CERNBox, Verilog by {maker}" for maker in ("ours", "alkaid")
    ]
    (said,) = (line for line in absent if line.startswith("KANELÉ"))
    assert "JSC_OpenML/models has no folder with a config.json" in said
    assert "none.npz cannot be used" in absent[-1]


def test_a_graph_of_ours_stands_with_the_data_it_was_trained_on(tmp_path: Path) -> None:
    build, path = Build("tiny"), tmp_path / "graph=1.npz"
    ir.save(build.graph(build.dense(build.quantize((16,)), 5)), path)
    task = tasks.jets().subset(400)
    own = [f"OpenML={path}", f"CERNBox={path}", str(path)[:-1]]
    (one, other), absent = ruler.everyone(None, own, {"OpenML": task})
    assert (one.data, other.data) == ("OpenML", "CERNBox")
    assert one.accuracy.endswith(f"% here, {len(task.test)} test rows")
    assert other.accuracy == "not measured: no file of its data"
    assert absent[-1].startswith(f"{own[2]} cannot be used")


def test_whatever_a_maker_raises_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> Ours:
        raise IndexError("no such layer")

    row = ruler.measure(Contestant("[/A]", "OpenML", "theirs", "", fail), route=False)
    assert row.problem == "not measured: IndexError: no such layer"

    def lack() -> Graph:
        raise Unusable("no checkpoint")

    counts = Counts(12, 1, 2, 3, 4, {})
    monkeypatch.setattr(Ours, "count", lambda self, part: counts)
    made = Contestant("A", "OpenML", "ours", "", lambda f: Ours(two_layers(), f), lack)
    row = ruler.measure(made, route=False)
    assert (row.luts, row.routed, row.encoder) == (counts, counts, None)
    assert row.problem == "encoder not measured: no checkpoint"


def test_a_wrong_card_is_one_row(tmp_path: Path) -> None:
    rest = 'design = "A"\nverilog = "."\nencoder = "inside"\naccuracy = "75"\n'
    cards = {
        "good": 'data = "OpenML"\n' + rest,
        "other": 'data = "MNIST"\n' + rest,
        "outside": 'data = "OpenML"\n' + rest.replace('"."', '"../.."'),
        "short": 'design = "A"\nluts = 3\n',
        "text": "design: A",
        "unnamed": 'data = "OpenML"\n' + rest.replace('"A"', '"\\u001b[2J"'),
    }
    for name, text in cards.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.toml").write_text(text)
    good, *wrong = netlists.contestants(tmp_path)
    assert (good.design, good.data) == ("A", "OpenML")
    for contestant, said in zip(
        wrong,
        ("data must be", "below that", "must be texts", "cannot be", "design must be"),
        strict=True,
    ):
        row = ruler.measure(contestant, route=False)
        assert contestant.data == ruler.UNKNOWN
        assert said in row.problem
        assert row.luts is None


def test_words_of_sixteen_bits_become_the_codes_of_a_design() -> None:
    graph = encoder(np.array([32.0, 2.7]), np.array([0.0, 10.0]), 0, 63, "half-up")
    rows = np.random.default_rng(1).uniform(-3, 3, (400, 2))
    codes = Interpreter.of(graph).run(rows)["code"]
    words = np.floor(rows * 1024) / 1024
    exact = np.clip(np.floor(words * [32.0, 2.7] + [0, 10] + 0.5), 0, 63)
    assert np.abs(codes - exact).max() <= 1
    assert (codes != exact).mean() < 0.01
    powers = of_graph(two_layers())
    assert powers.nodes[1].attrs["shift"] >= 0


def test_an_accuracy_is_measured_on_the_set_that_a_network_was_trained_on() -> None:
    rows = Split({"x": np.arange(8, dtype=np.float32).reshape(4, 2)}, np.array([0, 0, 1, 0]))
    made = Contestant(
        "A", "CERNBox", "ours", "", lambda folder: Ours(two_layers(), folder),
        judge=lambda inputs: (inputs[:, 0] > 5).astype(int),
    )  # fmt: skip
    assert ruler.judged(made, {"OpenML": rows}) == ()
    (said,) = ruler.judged(made, {"OpenML": rows, "CERNBox": rows})
    assert said == "50.00 % here on 4 rows, some of them trained on"


def test_the_others_stay_where_one_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: Path) -> Ours:
        raise BackendError("cells that nobody maps")

    counts = Counts(12, 1, 2, 3, 4, {"vendor_rom": 5})
    monkeypatch.setattr(Ours, "count", lambda self, part: counts)
    made = (
        Contestant("Cut", "OpenML", "theirs", "75", refuse, published="796 LUT (vendor)"),
        Contestant("Whole", "CERNBox", "ours", "76", lambda folder: Ours(two_layers(), folder)),
    )
    peers = (
        ruler.Peer("There", "there", "git clone there", lambda clone: iter(made)),
        ruler.Peer("Away", "away", "git clone away", lambda clone: iter(())),
    )
    monkeypatch.setattr(ruler, "PEERS", peers)
    monkeypatch.setattr(ruler, "BUILD", tmp_path / "build")
    (tmp_path / "there").mkdir()
    assert ruler.main(["--peers", str(tmp_path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for said in ("cells that nobody maps", "12 LUT", "796 LUT", "open: 5", "Away is absent: git"):
        assert said in out
