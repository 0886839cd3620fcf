from pathlib import Path

import numpy as np
import pytest

from netwright.backends.soc import SocDesign, design, soc
from netwright.backends.soc.frames import NETWORK, Fault, event_frames, parse_line
from netwright.backends.soc.simulation import SimulatedChip
from netwright.errors import BackendError
from netwright.testing import BackendSuite
from netwright.verify import bit_exact, corners
from tests.backends.rtl.graphs import few_cells
from tests.backends.soc.chips import needs_chip, unrolled


@needs_chip
class TestSoc(BackendSuite):
    backends = (soc(),)


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> SocDesign:
    return unrolled(spi_lanes=4, watchdog_cycles=20_000).generate(
        few_cells(), tmp_path_factory.mktemp("chip") / "chip"
    )


@needs_chip
def test_events_are_counted_and_timed(chip: SocDesign) -> None:
    codes = {chip.structure.inputs[0].terminal.tensor: np.array([[1, 2, 3], [-8, 7, 0]])}
    one, other = chip.answers(codes, alone=True)
    assert (one.number, other.number) == (0, 1)
    assert list(one.parts) == ["wait", "relay", "network"]
    assert one.cycles == sum(one.parts.values())
    # Between two words of bus traffic lie at least two clocks, and the network is a pipeline.
    assert chip.structure.network.latency_cycles <= one.parts["network"] < 40
    assert 3 <= one.parts["relay"] < 40
    assert 0 < one.parts["wait"] < 400


@needs_chip
def test_the_software_computes_the_same(chip: SocDesign) -> None:
    trial = chip.by_software().trial(alone=True)
    stimulus = corners(chip.graph)
    found = bit_exact(chip.graph, trial, stimulus)
    assert found.identical == found.rows > 0
    assert list(trial.answers[0].parts) == ["software"]
    assert trial.answers[0].cycles > 500


@needs_chip
def test_a_session_answers_event_after_event(chip: SocDesign) -> None:
    tensor = chip.structure.inputs[0].terminal.tensor
    rows = np.array([[1, 2, 3], [-8, 7, 0], [0, 0, 0]])
    together = chip.answers({tensor: rows})
    with chip.session() as session:
        apart = [session.answer({tensor: row[None]}) for row in rows]
        assert session.clocks > sum(answer.cycles for answer in apart)
    for one, other in zip(together, apart, strict=True):
        assert one.number == other.number
        assert {k: v.tolist() for k, v in one.codes.items()} == {
            k: v.tolist() for k, v in other.codes.items()
        }


def said(chip: SocDesign, text: str) -> list[object]:
    lines = (parse_line(chip.structure, line) for line in text.splitlines() if line)
    return [line for line in lines if line is not None]


def frame(chip: SocDesign, command: int = NETWORK) -> bytes:
    tensor = chip.structure.inputs[0].terminal.tensor
    return event_frames(chip.structure, {tensor: np.array([[1, 2, 3]])}, command=command)[0]


@needs_chip
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda whole: (whole[:-1], 8 * len(whole) - 8), "short"),
        (lambda whole: (whole, 8 * len(whole) - 4), "broken"),
        (lambda whole: (whole + b"\0", 8 * len(whole) + 8), "long"),
        (lambda whole: (whole[:0], 0), "short"),
        (lambda whole: (b"\x07" + whole[1:], 8 * len(whole)), "command"),
    ],
)
def test_a_bad_frame_is_reported_and_the_next_is_served(  # type: ignore[no-untyped-def]
    chip: SocDesign, change, what: str
) -> None:
    whole = frame(chip)
    octets, bits = change(whole)
    with SimulatedChip(chip.library()) as running:
        running.play(lines=2)
        (fault,) = said(chip, running.play([octets], lines=1, bits=[bits], max_idle=20_000))
        assert isinstance(fault, Fault)
        assert fault.what == what
        (answer,) = said(chip, running.play([whole], lines=1))
        assert answer.number == 1  # type: ignore[attr-defined]


@needs_chip
def test_a_fault_is_told_whenever_it_comes(chip: SocDesign) -> None:
    whole, library = frame(chip), chip.library()
    late = []
    for pause in range(1, 600, 30):  # the core falls asleep in one of these clocks
        with SimulatedChip(library) as running:
            running.play(lines=2)
            if not running.play([whole + b"\0"], lines=1, max_idle=6_000, pause=pause):
                late.append(pause)
    assert not late


@needs_chip
def test_events_that_nobody_waits_for_are_lost_and_reported(chip: SocDesign) -> None:
    whole = frame(chip)
    with SimulatedChip(chip.library()) as running:
        running.play(lines=2)
        lines = said(chip, running.play([whole] * 30, lines=31, wait_free=False, max_idle=50_000))
    faults = {line.what for line in lines if isinstance(line, Fault)}
    numbers = [line.number for line in lines if not isinstance(line, Fault)]  # type: ignore[attr-defined]
    assert faults == {"overrun"}
    assert numbers == sorted(numbers)
    assert 2 <= len(numbers) < 30


@needs_chip
def test_a_fault_stops_a_run(chip: SocDesign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design, "event_frames", lambda *given, **named: [b"\x09\0\0\0\0"])
    with pytest.raises(BackendError, match="the chip reports command 0x9"):
        chip.answers({})


@needs_chip
def test_the_watchdog_does_not_count_what_the_uart_takes(tmp_path: Path) -> None:
    slow = unrolled(watchdog_cycles=10_000, clocks_per_bit=64)
    found = slow.generate(few_cells(), tmp_path / "chip")
    codes = {found.structure.inputs[0].terminal.tensor: np.array([[1, 2, 3]] * 6)}
    answers = found.answers(codes)
    assert [answer.number for answer in answers] == [*range(6)]


def test_a_restart_in_the_middle_of_a_line_is_told(
    chip: SocDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(design, "SimulatedChip", lambda library: _Said())
    monkeypatch.setattr(SocDesign, "library", lambda self: self.root)
    with pytest.raises(BackendError, match="the chip reports watchdog 0x0"), chip.session() as run:
        run.play([frame(chip)])


class _Said:
    """A chip that is ready, and is reset while it answers."""

    def __init__(self) -> None:
        self._texts = ["\nB 0\n", "R 00000000 000\nB 1\n"]

    def play(self, *given: object, **named: object) -> str:
        return self._texts.pop(0)

    def __exit__(self, *stopped: object) -> None:
        pass
