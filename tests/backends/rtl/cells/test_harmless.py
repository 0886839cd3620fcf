from __future__ import annotations

from pathlib import Path

import pytest

from netwright.backends.rtl.cells.harmless import check_harmless, plain_sources
from netwright.backends.rtl.cells.verilog import library_names, library_text
from netwright.errors import BackendError
from netwright.escape import line_comment
from tests.codes import NAMES

FILE = Path("layer.v")


def test_the_library_is_harmless() -> None:
    for name in library_names():
        check_harmless(FILE, library_text(name))


def test_comments_with_code_are_harmless() -> None:
    for name in NAMES:
        check_harmless(FILE, f"{line_comment(f'Nodes: {name}.')}\nmodule m; endmodule\n")


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        ('initial $system("x");', "$system", 1),
        ('// a\n/* b\n*/ initial $ system("x");', "$ system", 3),
        ("a = $fopen(b);", "$fopen", 1),
        ("$readmemh(b, c);", "$readmemh", 1),
        ("`include `x", "`include", 1),
        ('`define f "/* "\n', "`define", 1),
        ('// a \r import "DPI-C" function int system();', "import", 1),
        ("bind ok injected i();", "bind", 1),
        ('x = "a\\\\"; $system(y)', "$system", 1),
        ("\\escaped// \n$finish;", "$finish", 2),
    ],
)
def test_what_does_more_than_compute(text: str, word: str, line: int) -> None:
    with pytest.raises(BackendError) as caught:
        check_harmless(FILE, text)
    assert str(caught.value) == (
        f'layer.v: line {line} uses "{word}", which no generated design does\n'
        "hint: the file was changed; generate the design again"
    )


@pytest.mark.parametrize(
    "text",
    ['// $system("x")', "/* `include\n$fopen */", "\\$system ;", 'x = "$system";', "$signed(x)"],
)
def test_what_only_looks_like_it(text: str) -> None:
    check_harmless(FILE, text)


def test_names_of_folders_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / 'a "$(touch b)"'
    (root / "build").mkdir(parents=True)
    (root / "a.v").write_text("module a; endmodule")
    assert plain_sources([root / "a.v"], root / "build") == ["../a.v"]
    (root / "a.v").write_bytes(b"\xff")
    with pytest.raises(BackendError, match="cannot be read"):
        plain_sources([root / "a.v"], root / "build")
