import pytest

from netwright.backends.rtl import ChipOptions, rtl
from netwright.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"charge_bits": 0}, "charge_bits must be from 1 to 31, not 0"),
        ({"charge_bits": 2.5}, "charge_bits must be from 1 to 31, not 2.5"),
        ({"address": 0x78}, "address must be from 8 to 119, not 120"),
        ({"latency_cycles": 3}, "latency_cycles must be from 1 to 2, not 3"),
        (
            {"latent_bits": (5, 3)},
            "latent_bits must be 1 to 4 positive numbers, each larger than the one before, not "
            "(5, 3)",
        ),
        (
            {"arrangement": (0, 2, -1)},
            "arrangement must hold every number from 0 to the last charge, and -1 for zeros",
        ),
        (
            {"arrangement": (-1,), "address": 0},
            "address must be from 8 to 119, not 0; arrangement must hold every number from 0 to "
            "the last charge, and -1 for zeros",
        ),
    ],
)
def test_options_that_no_chip_has(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ChipOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_lists_will_do() -> None:
    made = ChipOptions(latent_bits=[3, 9], arrangement=[0, -1])  # type: ignore[arg-type]
    assert made == ChipOptions(latent_bits=(3, 9), arrangement=(0, -1))
    hash(made)


def test_a_chip_needs_an_unrolled_network_with_loadable_weights() -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(chip=ChipOptions(), reuse_factor=2)
    assert str(caught.value) == (
        'chip needs weights="loadable"; reuse_factor must be left out: a chip computes a row in '
        "every clock"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 6}, 'weight_bits belongs to weights="loadable"'),
        (
            {"weights": "loadable", "bias_bits": 0},
            "bias_bits must be from 1 to 32, or None, not 0",
        ),
    ],
)
def test_bits_of_weights_belong_to_loadable_ones(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message
