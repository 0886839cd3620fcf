from pathlib import Path

import pytest

from netwright.backends.rtl import read_foreign
from netwright.errors import BackendError
from tests.backends.rtl.graphs import needs_yosys

READS = 'initial $readmemh("t.mem", m);'
TABLE = """
module rom(input clk, input [2:0] a, output [7:0] y);
  reg [7:0] m [0:7];
  {contents}
  assign y = m[a];
endmodule
"""


def read(folder: Path, *, contents: str = READS, words: int = 8) -> None:
    (folder / "rom.v").write_text(TABLE.format(contents=contents))
    (folder / "t.mem").write_text("\n".join(f"{3 * word:02x}" for word in range(words)))
    read_foreign([folder / "rom.v"], folder=folder / "out")


@needs_yosys
@pytest.mark.parametrize(
    ("contents", "words", "held"),
    [(READS, 5, 5), (READS, 0, 0), ("initial begin m[0] = 1; m[6] = 2; end", 8, 2)],
)
def test_memory_with_places_without_contents(
    tmp_path: Path, contents: str, words: int, held: int
) -> None:
    with pytest.raises(BackendError) as caught:
        read(tmp_path, contents=contents, words=words)
    assert str(caught.value).startswith(
        f"rom: {held} of 8 words of the memory m have contents, and nothing writes it"
    )


@needs_yosys
@pytest.mark.parametrize("contents", [READS, "always @(posedge clk) m[a] <= y + 1;"])
def test_memories_that_are_full_or_written_are_taken(tmp_path: Path, contents: str) -> None:
    read(tmp_path, contents=contents)


@needs_yosys
def test_words_that_a_file_leaves_open_are_words(tmp_path: Path) -> None:
    (tmp_path / "t.mem").write_text("xx\n12\nxx xx 3x\n45\n67\nxx")
    (tmp_path / "rom.v").write_text(TABLE.format(contents=READS))
    read_foreign([tmp_path], folder=tmp_path / "out")
