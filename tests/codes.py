"""Names, parts and folders that are code in some language that is written."""

from __future__ import annotations

from itertools import product

CANARY = "INJECTED"
"""What appears where a piece of the code below runs."""

_VERILOG = (
    '`ifdef VERILATOR\nmodule {m}; initial $system("touch {c}"); endmodule\n'
    "bind ok {m} i();\n`endif",
    'endmodule module {m}; initial $system("touch {c}"); endmodule',
    '`include "/etc/passwd"',
    "`define x {c}",
    '*/ initial $system("touch {c}"); /*',
    '$system("touch {c}")',
    '\\escaped $system("touch {c}") ',
    "(* blackbox *)",
    '$readmemh("/etc/passwd", x)',
    '$fopen("{c}", "w")',
    '`include `"{c}`"',
    'import "DPI-C" function int system(input string s);',
)
_CPP = (
    '*/ int {m} = system("touch {c}"); /*',
    '"; system("touch {c}"); "',
    '");system("touch {c}");//',
    '#include "/etc/passwd"',
    '#pragma GCC dependency "{c}"',
    'asm(".incbin \\"{c}\\"");',
    '%:include "{c}"',
    '??/\nint {m} = system("touch {c}");',
    'R"x(")x"; system("touch {c}")',
    '\\" ; system("touch {c}") ;',
    '__attribute__((constructor)) void {m}() {{ system("touch {c}"); }}',
)
_TCL = (
    "[exec touch {c}]",
    "{{a}}; exec touch {c}; {{",
    '"; exec touch {c}; "',
    "$::env(HOME)",
    "}}; exec touch {c}; {{",
    "a\\\nexec touch {c}",
)
_HTML = (
    "<script>document.title='{c}'</script>",
    "\"><img src=x onerror=alert('{c}')>",
    "</style><script>{c}</script>",
    "{{{{ 7*7 }}}}{{% include '/etc/passwd' %}}",
    "-->&lt;{c}<!--",
    "]]><{c}>",
)
_SHELL = (
    "$(touch {c})",
    "`touch {c}`",
    "'; touch {c}; '",
    '"; touch {c}; "',
    "a | touch {c}",
    "a && touch {c}",
    "-o {c}",
    "$HOME ${{IFS}}touch${{IFS}}{c}",
    "@{c}",
    "%s%n%x {c}",
    "a; touch {c} #",
    "a > {c}",
    "a & touch {c} &",
)
_TERMINAL = (
    "\x1b[2J\x1b]0;{c}\x07",
    "\x9b31m{c}",
    "\u202e{c}\u202c",
    "\u2066{c}\u2069\u200b",
    "a\rerror: {c}",
    "a\nhint: run {c}",
    "\x08\x08\x08{c}",
    "\x00{c}",
    "{c}\udc80",
)
_TOML = ('"\n[{c}]\nx = "', "'''\n[{c}]", '"""{c}', "a = 1\n{c} = 2", "\\u0022{c}")
_DIRECTIVES = (
    "synopsys translate_off",
    "verilator lint_off",
    "pragma protect begin",
    "synthesis translate_off",
    "verilator public_flat_rw",
)
_WRAPPERS = (
    "{}",
    "fc\n{}\n//",
    "fc\r{}",
    "fc\u2028{}",
    "fc\u2029{}\x85",
    "*/{}/*",
    "{}\\",
    "fc\v{}\f",
    "fc??/\n{}",
    "\u202e{}\u202c",
    '"{}"',
    "'{}'",
    "fc1.{}.weight",
    "{}" + "x" * 300,
)
WORDS = (
    "main", "int", "clk", "rst_n", "x_valid", "y_valid", "x_data", "y_data", "module", "endmodule",
    "always", "class", "template", "namespace", "logic", "bit", "double", "input", "output", "std",
    "nnet", "defines", "parameters", "ap_int", "hls", "errno", "linux", "NULL", "EOF", "system",
    "register", "lookup", "clamp", "stream", "window", "mac", "weight", "top", "con", "nul", "n",
    "", " ", "_", "__", "0", "6fc", "é", "è", "ünïcode", "中文", "🙂", "a" * 300, "A", "a", "a_v2",
    "a.b", "a b", "a/b", "..", "../../etc/passwd", "/", "~", "-", "--help", ".", "x0", "y0",
    "x", "y",
)  # fmt: skip
"""Words that mean something, or nothing, or the same after they were made identifiers."""

KINDS = {
    "verilog": _VERILOG + _DIRECTIVES,
    "c++": _CPP,
    "tcl": _TCL,
    "html": _HTML,
    "shell": _SHELL,
    "terminal": _TERMINAL,
    "toml": _TOML,
}


def names(kind: str) -> tuple[str, ...]:
    """Names that are code in a language, each in every disguise."""
    pieces = (piece.format(c=CANARY, m="injected") for piece in KINDS[kind])
    return tuple(
        dict.fromkeys(wrapper.replace("{}", piece) for piece, wrapper in product(pieces, _WRAPPERS))
    )


NAMES = tuple(dict.fromkeys([*WORDS, *(name for kind in KINDS for name in names(kind))]))
"""All of them."""
