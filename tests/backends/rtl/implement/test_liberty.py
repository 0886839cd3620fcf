"""Reading cells of a library: functions, storage, areas and energies."""

from itertools import product
from pathlib import Path

import pytest

from netwright.backends.rtl.implement.liberty import (
    GENERIC,
    compiled,
    parse_liberty,
    read_liberty,
)
from netwright.errors import BackendError

TEXT = """\
/* two cells */
library (small) {
  capacitive_load_unit (1, pf);
  nom_voltage : 1.8;
  leakage_power_unit : "1nW";
  power_lut_template (by_load) {
    variable_1 : input_transition_time;
    variable_2 : total_output_net_capacitance;
    index_1 ("0.1, 0.2, 0.3");
    index_2 ("1.0, 3.0");
  }
  cell (NAND) {
    area : 24;
    cell_leakage_power : 2;
    pin (A) { direction : input; capacitance : 0.01; }
    pin (B) { direction : input; capacitance : 0.02; }
    pin (Y) {
      direction : output;
      function : "(!(A B))";
      internal_power () {
        related_pin : "A";
        rise_power (by_load) { values ("1, 2", "3, 5", \\
                                       "9, 9"); }
        fall_power (by_load) { index_2 ("1.0, 5.0"); values ("0, 0", "1, 1", "0, 0"); }
      }
    }
  }
  cell (DFF) {
    area : 96;
    ff (IQ, IQN) { clocked_on : "CLK"; next_state : "D"; }
    pin (D) { direction : input; capacitance : 0.01; }
    pin (CLK) { direction : input; capacitance : 0.03; clock : true; }
    pin (Q) { direction : output; function : "IQ"; }
  }
  cell (LATCH) { area : 50; latch (IQ, IQN) { enable : "G"; data_in : "D"; } }
}
"""


def test_a_library(tmp_path: Path) -> None:
    path = tmp_path / "small.lib"
    path.write_text(TEXT)
    library = read_liberty(path)
    assert set(library.cells) == {"NAND", "DFF"}
    nand, flip_flop = library.cells["NAND"], library.cells["DFF"]
    assert (nand.area, nand.leakage_w, library.volt) == (24.0, pytest.approx(2e-9), 1.8)
    assert nand.capacitance == {"A": 10.0, "B": 20.0}
    rise, fall = nand.energy["Y"]
    assert [rise.at(load) for load in (0.0, 1.0, 2.0, 9.0)] == [3000.0, 3000.0, 4000.0, 5000.0]
    assert fall.at(3.0) == 1000.0
    assert flip_flop.stored == ("D", "CLK", ("Q",))
    assert not flip_flop.functions


@pytest.mark.parametrize(
    ("expression", "python"),
    [
        ("(!(A B))", lambda a, b, c: not (a and b)),
        ("A*B + !C", lambda a, b, c: (a and b) or not c),
        ("A ^ B & C", lambda a, b, c: a != (b and c)),
        ("(A' + B)'", lambda a, b, c: not ((not a) or b)),
        ("!A B | C", lambda a, b, c: ((not a) and b) or c),
        ("1", lambda a, b, c: True),
        ("(A+B) (B+C) (A+C)", lambda a, b, c: a + b + c >= 2),
    ],
)
def test_functions(expression: str, python: object) -> None:
    for a, b, c in product((0, 1), repeat=3):
        found = compiled(expression)({"A": a, "B": b, "C": c}) & 1
        assert found == bool(python(a, b, c))  # type: ignore[operator]


@pytest.mark.parametrize("expression", ["", "A +", "(A", "A)", "A ? B", "A..B"])
def test_what_is_no_function(expression: str) -> None:
    with pytest.raises(BackendError):
        compiled(expression)


def test_gates_of_the_synthesizer_can_be_computed() -> None:
    for kind in GENERIC.values():
        for expression in kind.functions.values():
            compiled(expression)({pin: 1 for pin in "ABCDS"})


@pytest.mark.parametrize("text", ["", "library (a) {", "cell", TEXT.replace("1nW", "some")])
def test_what_is_no_library(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(BackendError, match=r"bad\.lib"):
        read_liberty(path)


def test_groups_and_attributes() -> None:
    group = parse_liberty('a (b) { c : "d e"; f (1, 2); g () { h : 1 } }')
    assert (group.kind, group.name, dict(group.values)) == ("a", "b", {"c": "d e", "f": "1 2"})
    assert [inner.values for inner in group.of("g")] == [{"h": "1"}]
