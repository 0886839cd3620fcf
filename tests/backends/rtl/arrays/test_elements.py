from pathlib import Path

import pytest

from netwright.backends.rtl.arrays.elements import count_elements, elements
from netwright.backends.rtl.cells.verilog import library_text
from netwright.errors import ConfigError
from tests.backends.rtl.graphs import needs_yosys


def test_every_parameter_is_one_of_its_module() -> None:
    chosen = list(elements())
    assert len({element.name for element in chosen}) == len(chosen)
    for element in chosen:
        head = library_text(element.module).partition(") (")[0]
        assert all(f"parameter {name} " in head for name in element.parameters), element


@needs_yosys
def test_elements_differ_in_what_they_multiply(tmp_path: Path) -> None:
    names = ("plain_int4", "plain_int8", "ovp_int4", "decoder_int4")
    counts = count_elements(tmp_path / "elements", "gates", only=names)
    assert tuple(counts) == names
    registers = {
        name: sum(n for kind, n in count.cells.items() if "DFF" in kind)
        for name, count in counts.items()
    }
    # Two sums, two operands, two bits of control; an operand of a pair has three bits of exponent.
    assert registers == {
        "plain_int4": 64 + 8 + 2, "plain_int8": 64 + 16 + 2, "ovp_int4": 64 + 14 + 2,
        "decoder_int4": 0,
    }  # fmt: skip
    sizes = [counts[name].each.value for name in ("plain_int4", "ovp_int4", "plain_int8")]
    assert sizes == sorted(sizes)
    assert counts["decoder_int4"].each.value < sizes[0] / 10


def test_names_that_there_are_not(tmp_path: Path) -> None:
    for only, what in ((("plain_int3",), "plain_int3"), ((), "nothing")):
        with pytest.raises(ConfigError, match=rf"^only must name elements, not {what}\n"):
            count_elements(tmp_path, only=only)
