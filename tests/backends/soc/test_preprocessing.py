from pathlib import Path

import pytest

from netwright.backends.rtl.cells.harmless import check_harmless
from netwright.backends.soc.cores import CORES
from netwright.backends.soc.preprocessing import preprocessed
from netwright.errors import BackendError


def test_conditions_are_decided_and_macros_replaced() -> None:
    text = """\
`timescale 1 ns / 1 ps
`ifdef DEBUG
  `define show(x) x
`elsif OTHER
  assign other = 1;
`else
  `define show(x)
  `define twice(x) (x) + (x)
`endif
`ifndef DEBUG
wire [7:0] y = `twice(a[(1)]); // `untouched
`show($display("no"))
`undef twice
`endif
"""
    assert preprocessed(text, source="x.v").splitlines() == [
        "`timescale 1 ns / 1 ps",
        "wire [7:0] y = (a[(1)]) + (a[(1)]); // `untouched",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('`include "/etc/passwd"', 'x.v: line 1 uses "`include", which is unknown'),
        ("\n`endif", "x.v: line 2 ends a condition that none began"),
        ("`define a(b, c) b", "line 1 defines what is not understood"),
        ("`define a(x) x\n`a(1", "has a macro whose parentheses do not end"),
        ("`define a \\\n b", "line 1 defines what is not understood"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        preprocessed(text, source="x.v")


def test_cores_only_compute() -> None:
    for core in CORES.values():
        path = core.file
        text = preprocessed(path.read_text(encoding="utf-8"), source=path.name)
        check_harmless(Path(path.name), text)
        assert "Permission to use, copy, modify" in text
        assert text.count("module picorv32") >= 1
