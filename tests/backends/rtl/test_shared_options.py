import pytest

from netwright.backends import SharedOptions, rtl
from netwright.errors import ConfigError


def test_sizes() -> None:
    options = SharedOptions(lanes=8, units=2, elements=3)
    assert (options.multipliers, options.channels) == (48, 6)
    assert rtl(shared=options).record["shared"] == {
        "lanes": 8, "units": 2, "elements": 3, "layers": None, "weight_rows": None,
        "table_rows": None, "feature_words": None, "accumulator_bits": None,
        "multiplier_bits": None, "offset_bits": None, "value_bits": None, "result_bits": None,
        "dsp": False,
    }  # fmt: skip


def test_every_fault_is_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        SharedOptions(lanes=0, units=33, layers=257, weight_rows=True)
    assert str(caught.value) == (
        "lanes must be from 1 to 64, not 0; units must be from 1 to 32, not 33; layers must be "
        "from 1 to 256, or None, not 257; weight_rows must be from 1 to 65536, or None, not True"
    )
    with pytest.raises(ConfigError, match="at most 4096 multipliers, not 8192"):
        SharedOptions(lanes=64, units=32, elements=4)


def test_rows_that_the_bus_does_not_reach() -> None:
    assert SharedOptions(5, 4, 5, weight_rows=8192).weight_rows == 8192
    with pytest.raises(ConfigError) as caught:
        SharedOptions(5, 4, 5, weight_rows=16384)
    assert str(caught.value) == (
        "weight_rows must be at most 8192 for 100 multipliers, which is what the bus reaches, "
        "not 16384"
    )


def test_styles_exclude_each_other() -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(shared=SharedOptions(), reuse_factor=2, weights="loadable", adders_per_stage=5)
    assert str(caught.value) == (
        "reuse_factor must be left out: a shared accelerator has none; "
        "adders_per_stage must be left out, not 5: a shared accelerator has registers of its own; "
        'weights must be "fixed", not "loadable": a shared accelerator loads its own'
    )
