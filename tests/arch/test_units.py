import pytest

from netwright.arch.units import EXAMPLES, convert, split


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
        (1, "GHz", "op/s", 1e9),
        (2, "mm2", "m2", 2e-6),
        (3, "um2", "m2", 3e-12),
        (4, "mW", "W", 4e-3),
    ],
)
def test_prefixes_are_converted_exactly(value, unit, wanted, expected):
    assert convert(value, unit, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("MHz", "B/s"), ("B/s", "B"), ("J/op", "J/B"), ("KB", "B"), ("", "B"), ("Gb/s", "B/s"),
     ("bytes", "B"), ("MiB ", "B"), ("W", "J/B"), ("B", "B/s")],
)  # fmt: skip
def test_other_units_are_refused(unit, wanted):
    with pytest.raises(ValueError, match=f'must be "{wanted.split("/")[0]}.*, not "{unit}"'):
        convert(1.0, unit, wanted=wanted)


def test_figures_are_split_as_they_are_written():
    assert split("16 GB/s") == (16.0, "GB/s")
    assert split("1.5e-3mm2") == (1.5e-3, "mm2")
    assert split(" 3 ") == (3.0, "")
    for text in ("", "GB/s", "1 2 B", "0x10 B", "nan B"):
        with pytest.raises(ValueError, match="must be a number with a unit, not"):
            split(text)


def test_examples_are_accepted():
    bases = {"capacity": "B", "bandwidth": "B/s", "rate": "op/s", "area": "m2", "leakage": "W",
             "energy": "J/op", "read_energy": "J/B", "write_energy": "J/B",
             "adder_cycles": "cycle"}  # fmt: skip
    assert set(bases) == set(EXAMPLES)
    for name, text in EXAMPLES.items():
        assert convert(*split(text), wanted=bases[name]) > 0


def test_figures_beyond_all_numbers_are_refused():
    with pytest.raises(ValueError, match='must be a finite number, not "1e400pJ/B"'):
        split("1e400pJ/B")
