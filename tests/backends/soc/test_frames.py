import numpy as np
import pytest

from netwright.backends.soc.frames import SOFTWARE, Fault, event_frames, parse_line
from netwright.backends.soc.structure import Structure
from netwright.errors import BackendError
from tests.backends.hls.graphs import Build
from tests.backends.soc.chips import unrolled


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Structure:
    build = Build("frames")
    source = build.quantize((3,), bits=12)
    graph = build.graph(build.requantize(source, bits=5, signed=True, shift=2))
    return unrolled().generate(graph, tmp_path_factory.mktemp("frames") / "chip").structure


def test_a_frame_is_a_command_and_samples(chip: Structure) -> None:
    tensor = chip.inputs[0].terminal.tensor
    made = event_frames(chip, {tensor: np.array([[1, -2, 0x123]])}, command=SOFTWARE)
    assert made == [bytes([2, 0x01, 0x00, 0xFE, 0xFF, 0x23, 0x01, 0, 0])]


def test_a_line_of_results_is_read(chip: Structure) -> None:
    answer = parse_line(chip, "R 00000007 00000010 00000020 00000003 0f 1f 10")
    assert answer.number == 7  # type: ignore[union-attr]
    assert answer.parts == {"wait": 16, "relay": 32, "network": 3}  # type: ignore[union-attr]
    assert answer.cycles == 51  # type: ignore[union-attr]
    (codes,) = answer.codes.values()  # type: ignore[union-attr]
    assert codes.tolist() == [15, -225, 16] or codes.tolist() == [15, 31, 16]


def test_lines_of_faults_and_of_the_start_are_read(chip: Structure) -> None:
    assert parse_line(chip, "E short 00000001") == Fault("short", 1)
    assert parse_line(chip, "B 1") == Fault("watchdog", 0)
    assert parse_line(chip, "B 0") is None


@pytest.mark.parametrize(
    "line",
    ["hello", "R 0", "R 0 0 0 0 0f 1f", "R 0 0 0 0 0f 1f 10 11", "R 0 0 0 0 0f 1f 1", "E x",
     "S zz 0 0f 1f 10", "\x00"],
)  # fmt: skip
def test_other_lines_are_refused(chip: Structure, line: str) -> None:
    with pytest.raises(BackendError, match="which is no answer"):
        parse_line(chip, line)
