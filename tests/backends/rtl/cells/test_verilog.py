import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.backends.rtl.cells.verilog import library_names, library_text, sources
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.tools import VERILATOR, find, run_tool
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import every_other_operator, needs_verilator, two_layers


def small() -> str:
    """All generated text of a small design, library left out."""
    build = Build("tiny", seed=2)
    hidden = build.requantize(build.dense(build.quantize((2,), bits=3), 2, bits=3, bias_bits=4),
                              bits=2, shift=2)  # fmt: skip
    graph = build.graph(build.dense(hidden, 1, bits=2, bias_bits=2))
    texts = sources(lower(graph, 2))
    return "\n".join(text for name, text in texts.items() if not name.startswith("library/"))


def test_text_of_a_small_design(golden: Callable[[str, str], None]) -> None:
    golden("rtl/tiny.v", small())


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert sources(lower(two_layers(), 3)) == sources(lower(two_layers(), 3))


def test_only_used_library_modules_are_copied() -> None:
    names = [name for name in sources(lower(two_layers(), None)) if name.startswith("library/")]
    assert names == [
        "library/clamp.v",
        "library/half_even.v",
        "library/offset_adder.v",
        "library/shift_adder.v",
        "library/shifter.v",
    ]


@pytest.mark.parametrize("name", library_names())
def test_a_library_file_holds_the_module_of_its_name(name: str) -> None:
    assert re.search(rf"^module {name} (#\()?\(?$", library_text(name), re.MULTILINE)
    assert library_text(name).count("endmodule") == 1


def lint(files: list[Path], top: str, folder: Path, *options: str) -> None:
    run_tool(
        VERILATOR,
        ["--lint-only", "-Wall", *options, "--top-module", top, *files],
        cwd=folder,
        timeout_s=60.0,
        log=folder / f"{top}.log",
        environment={"VERILATOR_ROOT": str(find(VERILATOR).parent.parent)},
    )


@needs_verilator
def test_library_modules_are_free_of_lint(tmp_path: Path) -> None:
    for name in library_names():
        (tmp_path / f"{name}.v").write_text(library_text(name))
    for name in library_names():
        lint([tmp_path / f"{name}.v"], name, tmp_path, "-y", str(tmp_path))


@needs_verilator
def test_generated_modules_are_free_of_lint(tmp_path: Path) -> None:
    """Bits that nobody reads and files of several designs in one folder are no faults here."""
    for graph in (two_layers(), every_other_operator()):
        files = []
        for name, text in sources(lower(graph, 2)).items():
            files.append(tmp_path / Path(name).name)
            files[-1].write_text(text)
        lint(files, graph.name, tmp_path, "-Wno-UNUSEDSIGNAL")
