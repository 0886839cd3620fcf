from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends import hls
from netwright.backends.hls.project import _STAMPED as STAMPED
from netwright.backends.hls.project import _settle_text, write_project
from netwright.backends.hls.translation import lower
from netwright.errors import BackendError
from tests.backends.hls.graphs import Build, jet_tagger, needs_hls4ml

pytestmark = needs_hls4ml


def test_text_of_the_firmware(tmp_path: Path) -> None:
    write_project(
        lower(jet_tagger(6), "io_parallel"), hls(), tmp_path, name="jets", stamp="00000000"
    )
    source = (tmp_path / "firmware" / "jets.cpp").read_text()
    for line in (
        "nnet::dense<input_t, layer2_t, config2>(in_quantize_0_out, layer2_out, w2, b2);",
        "nnet::relu<layer2_t, layer3_t, relu_config3>(layer2_out, layer3_out);",
        "nnet::dense<layer7_t, result_t, config8>(layer7_out, layer8_out, w8, b8);",
    ):
        assert line in source
    registers = (tmp_path / "firmware" / "defines.h").read_text()
    assert "typedef ap_ufixed<6,5,AP_RND_CONV,AP_SAT,0> layer3_t;" in registers
    assert "typedef ap_fixed<6,1> matmul_1_weight_t;" in registers


def test_nothing_names_the_folder_or_a_random_stamp(tmp_path: Path) -> None:
    write_project(
        lower(jet_tagger(6), "io_parallel"), hls(), tmp_path, name="jets", stamp="00000000"
    )
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert str(tmp_path) not in path.read_text()
    assert "LIB_STAMP=00000000" in (tmp_path / "build_lib.sh").read_text()


def test_stamp_that_looks_like_a_number_leaves_no_quotes(tmp_path: Path) -> None:
    for name in STAMPED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Stamp: '12345678'\nOutputDir: {tmp_path}\n")
    _settle_text(tmp_path, "12345678", "0a1b2c3d")
    for name in STAMPED:
        assert (tmp_path / name).read_text() == "Stamp: 0a1b2c3d\nOutputDir: .\n"


def test_what_hls4ml_prints_goes_to_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build()
    firmware = lower(build.graph(build.dense(build.quantize((3,)), 2)), "io_stream")
    write_project(firmware, hls(), tmp_path, name="net", stamp="00000000")
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "hls4ml.log").exists()


def test_a_register_that_hls4ml_changes_is_noticed(tmp_path: Path) -> None:
    firmware = lower(jet_tagger(6), "io_parallel")
    layer = firmware.layers[2]
    same = replace(
        layer,
        registers={"result": firmware.layers[1].registers["result"]},
        attributes={**layer.attributes, "activation": "linear"},
    )
    changed = replace(firmware, layers=(*firmware.layers[:2], same, *firmware.layers[3:]))
    with pytest.raises(BackendError) as caught:
        write_project(changed, hls(), tmp_path, name="jets", stamp="00000000")
    assert str(caught.value) == 'hls4ml removed the layer "requantize_2" (Activation)'


def test_a_failure_of_hls4ml_is_passed_on(tmp_path: Path) -> None:
    firmware = lower(jet_tagger(6), "io_parallel")
    layer = replace(firmware.layers[2], kind="Nonsense")
    changed = replace(firmware, layers=(*firmware.layers[:2], layer, *firmware.layers[3:]))
    with pytest.raises(BackendError) as caught:
        write_project(changed, hls(), tmp_path, name="jets", stamp="00000000")
    assert caught.value.message == (
        "hls4ml could not write the project (Exception: Layer Nonsense not found in registry.)"
    )
