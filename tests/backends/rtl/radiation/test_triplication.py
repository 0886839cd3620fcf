"""The design that comes out of triplication."""

from pathlib import Path

from netwright.backends.rtl.radiation import CONTROL, Protection, triplicate
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import bank, hardened

pytestmark = needs_yosys


def test_chosen_registers_are_voted_and_the_others_are_not(tmp_path: Path) -> None:
    design = hardened(tmp_path)
    assert (design.protected_bits, design.flip_flops) == (15, 15 * 3 + 7)
    assert [flop.voted for flop in design.flops] == [True] * 6 + [False]
    text = design.verilog.read_text()
    assert text.count("voted_register #(") == 6
    assert text.count("\n  register #(") == 1
    assert {path.stem for path in design.library} == {
        "register", "register_copy", "voted_register",
    }  # fmt: skip


def test_single_bits_of_a_register(tmp_path: Path) -> None:
    chosen = Protection(bits=frozenset({"weights[1][1]", "y_data[0]"}))
    design = hardened(tmp_path, chosen)
    assert design.flip_flops == 22 + 2 * 2
    split = [flop for flop in design.flops if flop.names[0].startswith("weights[1]")]
    assert [(flop.names, flop.voted) for flop in split] == [
        (("weights[1][0]",), False), (("weights[1][1]",), True), (("weights[1][2]",), False),
    ]  # fmt: skip


def test_the_text_depends_on_the_design_only(tmp_path: Path) -> None:
    found = bank(tmp_path)
    texts = [
        triplicate(found, CONTROL, folder=tmp_path / name).verilog.read_text() for name in "ab"
    ]
    assert texts[0] == texts[1]
