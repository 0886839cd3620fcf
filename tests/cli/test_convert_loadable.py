"""``netwright convert`` for weights that are loaded, and for a chip around the network."""

import json
from pathlib import Path

import pytest

from netwright.exchange import write_qonnx
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import few_cells, needs_verilator, needs_yosys
from tests.cli.conftest import Netwright

OPTIONS = ("--backend", "rtl", "--random-rows", "60", "--json")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    write_qonnx(dense(), tmp_path / "encoder.onnx")
    return tmp_path / "encoder.onnx"


@pytest.mark.tool("g++")
@needs_verilator
def test_a_chip_is_compared_word_by_word(
    netwright: Netwright, tmp_path: Path, encoder: Path
) -> None:
    options, out = tmp_path / "chip.toml", tmp_path / "out"
    options.write_text("charge_bits = 12\nlatent_bits = [4, 9]\n")
    code, shown, err = netwright("convert", encoder, "--out", out, *OPTIONS, "--chip", options)
    assert code == 0, err
    made = json.loads(shown)
    rows = made["certificate"]
    assert all(row["num_identical"] == row["num_rows"] > 0 for row in rows)
    said = [row["stimuli"] for row in rows if row["stage"] == "chip"]
    assert said == [
        f"weights {number}, {what}"
        for number in (1, 2)
        for what in ("loaded over I2C", "4 bits", "9 bits")
    ]
    assert {f"other weights {number}" for number in range(1, 9)} < {row["stage"] for row in rows}
    assert made["hardware"] is None
    assert (out / "rtl" / "registers.md").exists()


@pytest.mark.tool("g++")
@needs_verilator
@needs_yosys
def test_weights_on_ports_are_compared_with_other_weights(
    netwright: Netwright, tmp_path: Path
) -> None:
    model, out = tmp_path / "tiny.onnx", tmp_path / "out"
    write_qonnx(few_cells(), model)
    code, shown, err = netwright("convert", model, "--out", out, *OPTIONS, "--weights", "loadable")
    assert code == 0, err
    made = json.loads(shown)
    stages = {row["stage"] for row in made["certificate"]}
    assert {f"other weights {number}" for number in range(1, 9)} < stages
    (proof,) = made["hardware"]["proofs"]
    assert (proof["method"], proof["num_proven"]) == ("simulation only", 0)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("charge_bits = 40\n", (), "charge_bits must be from 1 to 31, not 40"),
        (
            "charge_bits = 40\naddress = 1\n",
            (),
            "chip.toml: 2 settings are not accepted\n"
            "  charge_bits must be from 1 to 31, not 40\n  address must be from 8 to 119, not 1",
        ),
        ("charge = 4\n", (), "charge"),
        ("latent_bits = 'x'\n", (), "latent_bits must be an array"),
        ("", ("--route",), "a chip has no --reuse-factor and is not placed"),
        ("", ("--reuse-factor", "2"), "a chip has no --reuse-factor and is not placed"),
        ("", ("--backend", "hls"), "--chip belongs to --backend rtl"),
    ],
)
def test_options_of_a_chip_that_are_not_accepted(
    netwright: Netwright, tmp_path: Path, encoder: Path,
    text: str, options: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    path = tmp_path / "chip.toml"
    path.write_text(text)
    code, shown, err = netwright(
        "convert", encoder, "--out", tmp_path / "out", *OPTIONS, "--chip", path, *options
    )
    assert (code, shown) == (2, "")
    assert message in err
    assert not (tmp_path / "out" / "rtl").exists()
