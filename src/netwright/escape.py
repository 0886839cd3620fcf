"""Text from a stranger inside text of ours: one function for every language that is written.

Names of nodes and tensors, folders, parts and options come from files and people that are not
trusted. Whatever stands in them, it stays inside the comment, the string, the word or the
identifier that it is put into. No other module replaces or quotes characters by itself.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable

from netwright.errors import ConfigError
from netwright.reserved import RESERVED

_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""Controls, separators of lines, and what changes the direction of text or has no width."""

_INVISIBLE = re.compile(f"[{_UNSEEN}\ud800-\udfff]")
_INVISIBLE_IN_LINES = re.compile(f"(?![\n\t])[{_UNSEEN}\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_UNFIT_FOR_COMMENT = re.compile(r"[^ -~]|[`\\?]|(?<=/)[/*]|(?<=\*)/")
_DIRECTIVE = re.compile(
    r"\W*(verilator|synopsys|synthesis|pragma|cadence|ambit|exemplar|vcs|xilinx|altera|lint|"
    r"coverage|cover|coveralls|translate|rtl_synthesis|yosys|icarus|spyglass|leda|nolint|hls)",
    re.IGNORECASE,
)
"""First words of comments that some tool obeys."""

MAX_COMMENT = 4000
"""Characters of a comment; what is longer is cut."""

MAX_IDENTIFIER = 64
"""Characters of an identifier that a text is turned into."""

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""What the name of a device looks like, at every vendor."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""Text for a terminal, a log or a message: what a reader would not see is spelled out.

    Args:
        text: Any text.
        lines: Whether ends of lines and tabulators stay.

    >>> visible("fc1\n\x1b[2Jdone")
    'fc1\\n\\x1b[2Jdone'
    """
    pattern = _INVISIBLE_IN_LINES if lines else _INVISIBLE
    return pattern.sub(lambda match: _spelled(match.group()), text)


def _spelled(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in known:
        return known[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(data: object, *, indent: int | None = 2) -> str:
    r"""Plain data as JSON that a terminal shows as it is.

    >>> json_text(["caf\xe9\x9b"], indent=None)
    '["café\\u009b"]'
    """
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return _INVISIBLE_IN_LINES.sub(lambda match: json.dumps(match.group())[1:-1], text)


def html_text(text: str) -> str:
    """Text between the tags of a page, or between the quotes of an attribute.

    >>> html_text('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(text, lines=True), quote=True)


def toml_string(text: str) -> str:
    r"""A basic string of TOML, quotes included; a lone surrogate becomes a question mark.

    >>> toml_string('a"b\n')
    '"a\\"b\\n"'
    """
    plain = _SURROGATE.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _INVISIBLE.sub(lambda match: _toml_character(match.group()), plain) + '"'


def _toml_character(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(character)
    return known.get(character) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def toml_key(name: str) -> str:
    """A key of TOML, bare where that is allowed.

    >>> toml_key("fc1"), toml_key("fc.1")
    ('fc1', '"fc.1"')
    """
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_string(name)


def line_comment(text: str) -> str:
    r"""A comment of Verilog or C++ up to the end of the line, with its two slashes.

    It holds printable ASCII, no macro, no end of a comment, nothing that goes on in the next line,
    and begins with no word that a simulator or a synthesizer obeys.

    >>> line_comment("Nodes: fc1\n`include x")
    '// Nodes: fc1<U+000A><U+0060>include x'
    """
    cut = text if len(text) <= MAX_COMMENT else text[:MAX_COMMENT] + " ..."
    plain = _UNFIT_FOR_COMMENT.sub(lambda match: f"<U+{ord(match.group()):04X}>", cut).rstrip()
    return f"// text: {plain}" if _DIRECTIVE.match(plain) else f"// {plain}"


def cpp_string(text: str) -> str:
    r"""A string literal of C++ with these bytes, quotes included; it holds printable ASCII only.

    >>> cpp_string('a"\n')
    '"a\\042\\012"'
    """
    octets = text.encode("utf-8", errors="surrogateescape")
    body = "".join(chr(octet) if _is_plain(octet) else f"\\{octet:03o}" for octet in octets)
    return f'"{body}"'


def _is_plain(octet: int) -> bool:
    return 32 <= octet < 127 and chr(octet) not in '"\\?'


def tcl_word(text: str) -> str:
    r"""One word of Tcl, in which nothing is substituted.

    >>> tcl_word("[exec rm] $x")
    '\\[exec\\ rm\\]\\ \\$x'
    """
    if not text:
        return "{}"
    return "".join(_tcl_character(character) for character in text)


def _tcl_character(character: str) -> str:
    if character.isascii() and (character.isalnum() or character in "_./:,+=@%^~-"):
        return character
    if " " <= character <= "~":
        return f"\\{character}"
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def yosys_word(text: str) -> str:
    """One word of a command of Yosys, which knows quotes and nothing inside them.

    Raises:
        ConfigError: It holds what ends the word or the command: a quote, or a character unseen.

    >>> yosys_word("../fc 1.v")
    '"../fc 1.v"'
    """
    if '"' in text or _INVISIBLE.search(text):
        raise ConfigError(
            f"{visible(text)}: Yosys takes no quotes and no control characters in a path",
            hint="move it to a folder with a plain name",
        )
    return f'"{text}"'


class Identifiers:
    """Hands out identifiers of Verilog and C++: letters, digits, single underscores.

    Every one is new without regard to case and short. The same texts in the same order get the
    same identifiers.

    >>> names = Identifiers()
    >>> [names.of(text) for text in ("fc1", "FC 1", "fc 1", "main", "6", "é")]
    ['fc1', 'fc_1', 'fc_1_v2', 'n_main', 'n_6', 'n']

    Args:
        taken: Names that are never handed out.
        separator: What stands before the number of a name that was taken.
        default: Identifier of a text of which nothing is left.
        lower: Whether capital letters become small ones.
        whole: Whether an identifier stands alone somewhere, and so must be no word of a language;
            where more always follows it, words may be among them.
    """

    def __init__(
        self,
        taken: Iterable[str] = (),
        *,
        separator: str = "_v",
        default: str = "n",
        lower: bool = True,
        whole: bool = True,
    ) -> None:
        self._taken = {name.casefold() for name in taken}
        self._separator = separator
        self._default = default
        self._lower = lower
        self._whole = whole
        self._numbers: dict[str, int] = {}

    def of(self, text: str) -> str:
        """A new identifier that resembles `text`."""
        plain = identifier(text, default=self._default, whole=self._whole)
        plain = plain.lower() if self._lower else plain
        unique, number = plain, self._numbers.get(plain.casefold(), 1)
        while unique.casefold() in self._taken:
            number += 1
            unique = f"{plain}{self._separator}{number}"
        self._numbers[plain.casefold()] = number
        self._taken.add(unique.casefold())
        return unique


def identifier(
    text: str, *, default: str = "n", also: Collection[str] = (), whole: bool = True
) -> str:
    """An identifier of Verilog and C++ that resembles `text`; two texts may have the same one.

    Args:
        text: Any text.
        default: What it is when nothing is left of `text`.
        also: Words that it must not be, beside those of the languages.
        whole: Whether it must be no word of a language; see :class:`Identifiers`.

    >>> identifier("/layers.0/MatMul"), identifier("int"), identifier("")
    ('layers_0_MatMul', 'n_int', 'n')
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text[: 8 * MAX_IDENTIFIER]).strip("_")
    plain = plain[:MAX_IDENTIFIER].rstrip("_") or default
    if not plain[0].isalpha() or plain in also or (whole and is_reserved(plain)):
        return f"n_{plain}"
    return plain


def is_reserved(name: str) -> bool:
    """Whether a name has a meaning in a language, a tool or a library that reads our text."""
    folded = name.casefold()
    return folded in RESERVED or folded.startswith(("ap_", "ac_", "hls_", "nnet_", "pthread_"))
