from __future__ import annotations

import html
import json
import re
import tomllib
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import ConfigError
from netwright.escape import (
    MAX_COMMENT,
    MAX_IDENTIFIER,
    PART,
    Identifiers,
    cpp_string,
    html_text,
    identifier,
    is_reserved,
    json_text,
    line_comment,
    tcl_word,
    toml_key,
    toml_string,
    visible,
    yosys_word,
)
from tests.codes import NAMES, WORDS

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
WITHOUT_SURROGATES = st.text(max_size=60)


def check_visible(shown: str, *, kept: str = "") -> None:
    for character in shown:
        assert character in kept or unicodedata.category(character) not in (
            "Cc", "Cf", "Cs", "Zl", "Zp",
        ), repr(character)  # fmt: skip


def check_comment(comment: str) -> None:
    assert comment.startswith("// ")
    assert len(comment) <= 9 * MAX_COMMENT
    body = comment[3:]
    assert all(" " <= character <= "~" for character in body)
    assert not body.endswith(" ")
    for unfit in ("`", "\\", "?", "//", "/*", "*/"):
        assert unfit not in body
    first = re.match(r"\W*(\w*)", body)
    assert first is not None
    assert first[1].lower() not in ("verilator", "synopsys", "synthesis", "pragma", "translate_off")


def test_there_are_a_thousand_names() -> None:
    assert len(NAMES) >= 1000


@pytest.mark.parametrize("name", WORDS)
def test_words_become_identifiers(name: str) -> None:
    made = identifier(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", made)
    assert len(made) <= MAX_IDENTIFIER + 2
    assert not is_reserved(made)


def test_every_name_in_every_language() -> None:
    for name in NAMES:
        check_visible(visible(name))
        check_visible(visible(name, lines=True), kept="\n\t")
        check_comment(line_comment(name))
        check_comment(line_comment(f"Nodes: {name}."))
        check_cpp(name)
        check_toml(name)
        check_tcl(name)
        check_html(name)
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", identifier(name))


@given(ANY_TEXT)
@settings(max_examples=50, deadline=None)
def test_any_text_in_every_language(text: str) -> None:
    check_visible(visible(text))
    check_comment(line_comment(text))
    check_tcl(text)
    check_html(text)
    check_toml(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", identifier(text))


def check_cpp(text: str) -> None:
    """What a C++ compiler reads in the literal is the text."""
    literal = cpp_string(text)
    assert re.fullmatch(r'"(?:[ !#->@-\[\]-~]|\\[0-7]{3})*"', literal)
    octets = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), literal[1:-1]).encode("latin-1")
    assert octets == text.encode("utf-8", errors="surrogateescape")


def check_toml(text: str) -> None:
    plain = re.sub("[\ud800-\udfff]", "?", text)
    assert tomllib.loads(f"a = {toml_string(text)}\n[b]\n") == {"a": plain, "b": {}}
    assert tomllib.loads(f"{toml_key(text)} = 1") == {plain: 1}
    check_visible(toml_string(text))


def check_tcl(text: str) -> None:
    word = tcl_word(text)
    assert word
    if word != "{}":
        piece = r"[A-Za-z0-9_./:,+=@%^~-]|\\[^A-Za-z0-9\s]|\\ |\\u[0-9a-f]{4}|\\U[0-9a-f]{8}"
        assert re.fullmatch(f"(?:{piece})+", word)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = ""

    def handle_data(self, data: str) -> None:
        self.found += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found += "<>"

    def handle_comment(self, data: str) -> None:
        self.found += "<>"


def check_html(text: str) -> None:
    shown = html_text(text)
    assert not re.search("[<>\"']", shown)
    parser = _Text()
    parser.feed(shown)
    parser.close()
    assert parser.found == html.unescape(shown) == visible(text, lines=True)


def test_comment_of_a_macro() -> None:
    name = 'fc\n`ifdef VERILATOR\nmodule injected; initial $system("touch INJECTED"); endmodule'
    assert line_comment(f"Nodes: {name}.") == (
        "// Nodes: fc<U+000A><U+0060>ifdef VERILATOR<U+000A>module injected; initial "
        '$system("touch INJECTED"); endmodule.'
    )


def test_comment_that_a_tool_would_obey() -> None:
    assert line_comment("synopsys translate_off") == "// text: synopsys translate_off"
    assert line_comment(" verilator lint_off X") == "// text:  verilator lint_off X"
    assert line_comment("a /* verilator */") == "// a /<U+002A> verilator *<U+002F>"
    assert line_comment("a \\") == "// a <U+005C>"
    assert len(line_comment("a" * 10**6)) < MAX_COMMENT + 10


def test_json_keeps_values() -> None:
    for name in NAMES:
        text = json_text({"name": name})
        assert json.loads(text) == {"name": name}
        check_visible(text, kept="\n")


def test_identifiers_stay_apart() -> None:
    names = Identifiers(["x"])
    made = [names.of(name) for name in (*NAMES, *NAMES)]
    assert len({name.casefold() for name in made}) == len(made)
    assert "x" not in made
    assert not any(map(is_reserved, made))


def test_many_equal_names_take_no_time() -> None:
    names = Identifiers()
    made = [names.of("") for _ in range(60_000)]
    assert made[-1] == "n_v60000"


def test_quotes_end_words_of_yosys() -> None:
    with pytest.raises(ConfigError) as caught:
        yosys_word('a"; exec -- touch x')
    assert str(caught.value) == (
        'a"; exec -- touch x: Yosys takes no quotes and no control characters in a path\n'
        "hint: move it to a folder with a plain name"
    )


@pytest.mark.parametrize(
    "part", ["xcvu13p-flga2577-2-e", "xcku115-flvb2104-2-i", "ecp5-85k", "10AX115S2F45I1SG"]
)
def test_parts_of_vendors(part: str) -> None:
    assert PART.fullmatch(part)


def test_code_is_no_part() -> None:
    for name in NAMES:
        match = PART.fullmatch(name)
        assert match is None or re.fullmatch(r"[A-Za-z0-9._+-]+", name)
