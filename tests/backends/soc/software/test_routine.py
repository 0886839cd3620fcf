"""The routine runs on this machine as it runs on the core: the same C, another compiler."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.soc import SocDesign
from netwright.backends.soc.frames import event_frames
from netwright.ir import Graph, Interpreter
from netwright.testing.backends import branches, sum_of_products
from netwright.verify import corners, random
from tests.backends.rtl.graphs import every_other_operator, images, limited_channels, signals
from tests.backends.soc.chips import unrolled

GRAPHS = {
    "products": sum_of_products,
    "branches": branches,
    "wrapping": lambda: limited_channels("wrap"),
    "saturating": lambda: limited_channels("saturate"),
    "others": every_other_operator,
    "images": images,
    "signals": signals,
}


def routine(design: SocDesign, folder: Path) -> ctypes.CDLL:
    library = folder / "software.so"
    source = design.root / "firmware" / "software.c"
    subprocess.run(
        ["g++", "-x", "c", "-std=c11", "-O1", "-fwrapv", "-fsanitize=undefined",
         "-fsanitize-undefined-trap-on-error", "-shared", "-fPIC", str(source), "-o",
         str(library)],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(library))


@pytest.mark.tool("g++")
@pytest.mark.parametrize("name", list(GRAPHS))
def test_the_routine_computes_the_integers_of_the_graph(name: str, tmp_path: Path) -> None:
    graph: Graph = GRAPHS[name]()  # type: ignore[operator]
    made = unrolled().generate(graph, tmp_path / "chip")
    code = routine(made, tmp_path)
    for stimulus in (corners(graph), random(graph, rows=20)):
        hosts = [source.terminal.tensor for source in made.structure.inputs]
        expected = Interpreter.of(graph).run(stimulus.inputs, keep=hosts)
        codes = {host: expected[host].reshape(len(expected[host]), -1) for host in hosts}
        for row, frame in enumerate(event_frames(made.structure, codes)):
            results = np.zeros(made.structure.result_words, dtype=np.uint32)
            code.software_run(ctypes.c_char_p(frame[1:]), results.ctypes.data_as(ctypes.c_void_p))
            for output in made.structure.outputs:
                words = results[output.offset : output.offset + output.words]
                wide = "<i4" if output.element_words == 1 else "<i8"
                wanted = expected[output.terminal.tensor][row].reshape(-1)
                order = output.terminal.order.reshape(-1)
                assert words.view(wide).tolist() == wanted[order].tolist()
