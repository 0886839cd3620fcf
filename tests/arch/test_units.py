import pytest

from netwright.arch.units import convert


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (16, "GB/s", "B/s", 16e9),
        (8, "Gbit/s", "B/s", 1e9),
        (256, "KiB", "B", 262144.0),
        (2, "kB", "B", 2000.0),
        (100, "pJ", "J/B", 100e-12),
        (0.05, "pJ/B", "J/B", 0.05e-12),
        (1, "pJ/bit", "J/B", 8e-12),
        (0.2, "pJ/op", "J/op", 0.2e-12),
        (1.5, "Gop/s", "op/s", 1.5e9),
        (3, "B", "B", 3.0),
    ],
)
def test_prefixes_are_converted_exactly(value, unit, wanted, expected):
    assert convert(value, unit, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("GHz", "op/s"), ("B/s", "B"), ("J/op", "J/B"), ("KB", "B"), ("", "B"), ("Gb/s", "B/s"),
     ("bytes", "B"), ("MiB ", "B"), ("W", "J/B"), ("B", "B/s")],
)  # fmt: skip
def test_other_units_are_refused(unit, wanted):
    with pytest.raises(ValueError, match=f'must be "{wanted.split("/")[0]}.*, not "{unit}"'):
        convert(1.0, unit, wanted=wanted)
