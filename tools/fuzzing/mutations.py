"""Changes to the bytes, the text and the structure of files; the same seed changes the same way."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from random import Random

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]

CODE = (
    'a\n`ifdef VERILATOR\nmodule m; initial $system("touch INJECTED"); endmodule\n`endif//',
    '*/ system("touch INJECTED"); /*',
    "[exec touch INJECTED]",
    "$(touch INJECTED)",
    "<script>INJECTED</script>",
    "\x1b[2J\u202eINJECTED",
    "../../INJECTED",
    "__import__('os').system('touch INJECTED')",
    "",
    "x" * 5000,
    "a\0b",
)
"""Names that are code."""

_NUMBERS = (
    "0", "-1", "1e999999", "-1e-999999", "nan", "inf", "-inf", "9" * 4400, "0." + "1" * 3000,
    "1e308",
    "18446744073709551616", "-9223372036854775809", "4294967296", "1_0", "0x7fffffffffffffff",
)  # fmt: skip
_VALUES = ("true", "null", "[]", "{}", '""', "''", "[" * 2000, '"\\ud800"', "1979-05-27", '"a" = 1')
_WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1)


def flip(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Turn up to eight bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Keep the beginning or the end, or leave a piece out."""
    place, length = random.randrange(len(data) + 1), random.randrange(1, 64)
    return random.choice((data[:place], data[place:], data[:place] + data[place + length :]))


def repeat(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Write a piece several times."""
    place, length = random.randrange(len(data) + 1), random.randrange(1, 256)
    piece = data[place : place + length] * random.choice((1, 2, 50))
    return data[:place] + piece + data[place:]


def splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Go on in another file."""
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def word(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put an extreme number of 1 to 8 bytes over others."""
    size = random.choice((1, 2, 4, 8))
    number = random.choice(_WORDS) & ((1 << 8 * size) - 1)
    place = random.randrange(max(len(data) - size, 1))
    order = random.choice(("little", "big"))
    return data[:place] + number.to_bytes(size, order) + data[place + size :]


def noise(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put random bytes between others."""
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.randrange(1, 40)) + data[place:]


BYTES: tuple[Change, ...] = (flip, cut, repeat, splice, word, noise)
"""Changes that know nothing of a format."""


def tokens(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace a number, a string or a word by another one."""
    text = data.decode("utf-8", errors="replace")
    places = [
        i for i, c in enumerate(text) if c.isalnum() and (i == 0 or not text[i - 1].isalnum())
    ]
    if not places:
        return data
    start = random.choice(places)
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "._-+"):
        end += 1
    pool = random.choice((_NUMBERS, _NUMBERS, _VALUES, CODE))
    new = random.choice(pool)
    return (text[:start] + new + text[end:]).encode("utf-8", errors="surrogatepass")


def lines(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Leave out, repeat, move or take over a line."""
    rows = data.split(b"\n")
    place = random.randrange(len(rows))
    other = random.choice(random.choice(others).split(b"\n"))
    match random.randrange(4):
        case 0:
            del rows[place]
        case 1:
            rows[place:place] = [rows[place]] * random.choice((1, 3, 200))
        case 2:
            rows.insert(random.randrange(len(rows) + 1), rows.pop(place))
        case _:
            rows[place] = other
    return b"\n".join(rows)


def encoding(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The same text in another encoding."""
    text = data.decode("utf-8", errors="replace")
    return random.choice(
        (text.encode("utf-16"), b"\xef\xbb\xbf" + data, text.encode("utf-32"), data + b"\0",
         text.replace("\n", "\r").encode(), text.replace("\n", "\u2028").encode())
    )  # fmt: skip


TEXT: tuple[Change, ...] = (tokens, tokens, tokens, lines, lines, encoding, *BYTES)
"""Changes to text files."""


def inside(member_changes: Sequence[Change]) -> Change:
    """Changes to a member of a zip archive that is packed again, its checksum right."""

    def change(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [(name, archive.read(name)) for name in archive.namelist()]
        except zipfile.BadZipFile:
            return data
        number = random.randrange(len(members))
        name, content = members[number]
        pool = [content for _, content in members]
        match random.randrange(8):
            case 0:
                members[number] = (random.choice(CODE[:-1]) or "a", content)
            case 1:
                members.append((name, random.choice(pool)))
            case 2:
                del members[number]
            case _:
                members[number] = (name, random.choice(member_changes)(random, content, pool))
        buffer = io.BytesIO()
        method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
            warnings.simplefilter("ignore")  # two members of one name are meant
            for name, content in members:
                archive.writestr(
                    zipfile.ZipInfo(name.replace("\0", "0"), (1980, 1, 1, 0, 0, 0)), content
                )
        return buffer.getvalue()

    return change


def header(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Another shape, type or text in the header of an array."""
    if not data.startswith(b"\x93NUMPY"):
        return flip(random, data, others)
    length = struct.unpack_from("<H", data, 8)[0]
    text = data[10 : 10 + length].decode("latin-1")
    shape = random.choice(
        ("(1 << 40,)", "()", "(-1,)", "(16384, 16384, 16384)", "(0, 99999999999)", "(3,)", "(1.5,)",
         "(" * 200, "9" * 5000, "(True, 4)", "None", "(2,) * 40", "__import__('os')")
    )  # fmt: skip
    kind = random.choice(
        ("O", "<f4", "<f8", "|V0", "<U0", "<U999999999", "<c16", "|b1", "M8[s]", "i4,f4")
    )
    if random.random() < 0.5:
        start = text.find("'shape': ") + 9
        text = text[:start] + shape + ", }"
    else:
        start = text.find("'descr': ") + 9
        text = f"{text[:start]}'{kind}', " + text[text.find("'fortran") :]
    body = (text + "\n").encode("latin-1")[:65535]
    return data[:8] + struct.pack("<H", len(body)) + body + data[10 + length :]
