from pathlib import Path

import pytest

from netwright.backends import hls
from netwright.errors import ConfigError
from tests.backends.hls.graphs import needs_hls4ml, wide


def test_every_faulty_option_is_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        hls(
            part="",
            clock_mhz=0.0,
            io_type="stream",  # type: ignore[arg-type]
            strategy="fast",  # type: ignore[arg-type]
            backend="Quartus",  # type: ignore[arg-type]
            reuse_factor=0,
        )
    assert str(caught.value) == (
        "part must be the name of a device, not empty; "
        "clock_mhz must be from 1 to 100000 megahertz, not 0.0; "
        'io_type must be "io_parallel" or "io_stream", not \'stream\'; '
        'strategy must be "latency" or "resource", not \'fast\'; '
        'backend must be "Vitis" or "Vivado", not \'Quartus\'; '
        "reuse_factor must be an integer of 1 or more, not 0"
    )


def test_reuse_factor_of_a_node_must_be_positive() -> None:
    with pytest.raises(ConfigError) as caught:
        hls(reuse_factor={"fc1": 2, "fc2": -1})
    assert str(caught.value) == (
        'reuse_factor of node "fc2" must be an integer of 1 or more, not -1'
    )


@pytest.mark.parametrize("part", ["x[exec touch INJECTED]", 'x"; exec a', "x\n", "-x", "x" * 65])
def test_a_part_that_is_code(part: str) -> None:
    with pytest.raises(ConfigError, match=r"^part must be the name of a device \(up to 64 letters"):
        hls(part=part)


@needs_hls4ml
def test_layers_that_unroll_too_much_are_told_with_the_way_out(tmp_path: Path) -> None:
    (note,) = hls().generate(wide(), tmp_path / "latency").notes
    assert note == (
        '"matmul_1" unrolls 6144 products side by side; the vendors\' compilers give up above '
        "4096: use --strategy resource --reuse-factor R with R one of 2, 3, 4, 6, 8, 12, 16, 24, "
        "32, ..., 3072, 6144"
    )
    backend = hls(strategy="resource", reuse_factor={"matmul_1": 2})
    assert backend.generate(wide(), tmp_path / "resource").notes == ()
    (note,) = hls(strategy="resource").generate(wide(), tmp_path / "one").notes
    assert note.startswith('"matmul_1" unrolls 6144 products side by side')


@needs_hls4ml
def test_a_reuse_factor_that_is_not_the_one_asked_for_is_told(tmp_path: Path) -> None:
    design = hls(strategy="resource", reuse_factor=25).generate(wide(), tmp_path / "out")
    assert design.notes == (
        '"matmul_1" has the reuse factor 24, not 25; it can have 1, 2, 3, 4, 6, 8, 12, 16, 24, '
        "..., 3072, 6144",
        '"matmul_3" has the reuse factor 32, not 25; it can have 1, 2, 4, 8, 16, 32, 64, 128, 256',
    )
    assert design.reuse_factors == {"matmul_1": 24, "matmul_3": 32}


@needs_hls4ml
def test_a_layer_is_not_used_more_often_than_it_has_products(tmp_path: Path) -> None:
    design = hls(reuse_factor=999).generate(wide(), tmp_path / "out")
    assert design.reuse_factors == {"matmul_1": 999, "matmul_3": 256}
    assert design.notes[1] == (
        '"matmul_3" has the reuse factor 256, not 999; it can have 1, 2, 4, 8, 16, 32, 64, 128, 256'
    )
