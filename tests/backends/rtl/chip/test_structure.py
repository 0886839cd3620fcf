import pytest

from netwright.backends.rtl import ChipOptions
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip.verilog import chip_sources
from netwright.errors import ConfigError, GraphError
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.chip.graphs import PUBLISHED, encoder


def test_charges_in_the_order_of_the_inputs() -> None:
    chip = Structure.of(encoder(**PUBLISHED["4x4x3"], outputs=16), ChipOptions())
    assert chip.name == "encoder_chip"
    assert (chip.cells, chip.code_bits, chip.sum_bits) == (48, 8, 28)
    assert [chip.words.links(mode) for mode in range(4)] == [2, 3, 4, 5]


def test_an_arrangement_may_leave_inputs_empty_and_use_charges_twice() -> None:
    options = ChipOptions(arrangement=(0, 1, 2, -1) * 4)
    assert Structure.of(encoder(), options).cells == 3
    with pytest.raises(ConfigError, match=r"arrangement must have 16 numbers.*, not 3"):
        Structure.of(encoder(), ChipOptions(arrangement=(0, 1, 2)))


def test_a_sum_beyond_the_exponent_is_refused() -> None:
    with pytest.raises(ConfigError, match="the sum of 16 charges has 33 bits"):
        Structure.of(encoder(), ChipOptions(charge_bits=29))


def test_the_outputs_must_have_the_bits_of_the_last_mode() -> None:
    with pytest.raises(ConfigError) as caught:
        Structure.of(encoder(), ChipOptions(latent_bits=(3, 8)))
    assert str(caught.value) == (
        "an output takes 9 bits, but the last of latent_bits is 8\n"
        "hint: quantize the outputs to as many bits as the last mode sends, or set the modes "
        "(--set latent_bits=[9], chip(latent_bits=(9,)))"
    )


def other_input(**options: object) -> Graph:
    build = Build("net")
    source = build.quantize((4,), **options)  # type: ignore[arg-type]
    return build.graph(build.requantize(build.dense(source, 2), bits=9))


def test_the_input_must_be_a_normalized_charge() -> None:
    with pytest.raises(GraphError) as caught:
        Structure.of(other_input(scale=2.0**-7), ChipOptions())
    assert str(caught.value) == (
        'node "quantize_0": the input of a chip must be a number of some bits with one of them '
        "before the point, a sign besides or none; it has scale 0.0078125, not 0.015625\n"
        "hint: quantize the input to 8 bits with the scale 2**-7, for values from 0 to below 2"
    )
    with pytest.raises(GraphError, match=r"it has scale 0.125, not 0.0078125"):
        Structure.of(other_input(signed=False), ChipOptions())


def test_a_sign_that_is_never_used_is_a_zero_before_every_charge() -> None:
    chip = Structure.of(other_input(scale=2.0**-6), ChipOptions(latent_bits=(8,)))
    assert (chip.code_bits, chip.read_bits) == (7, 8)
    assert "1'd0, codes[7+:7]" in "".join(chip_sources(chip).values())


def test_a_chip_has_one_output() -> None:
    build = Build("net")
    source = build.quantize((4,), signed=False, scale=2.0**-7)
    one, other = build.dense(source, 2), build.dense(source, 3)
    with pytest.raises(GraphError, match='"net" has 1 and 2'):
        Structure.of(build.graph(one, other), ChipOptions())
