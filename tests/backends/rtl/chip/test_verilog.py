from pathlib import Path

from netwright.backends.rtl import ChipOptions
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip.verilog import chip_sources
from tests.backends.rtl.cells.test_verilog import lint
from tests.backends.rtl.chip.graphs import encoder
from tests.backends.rtl.graphs import needs_verilator


@needs_verilator
def test_a_chip_is_free_of_lint(tmp_path: Path) -> None:
    """Bits that nobody reads are no faults here."""
    for latency in (1, 2):
        chip = Structure.of(encoder(), ChipOptions(latency_cycles=latency))
        files = []
        for name, text in chip_sources(chip).items():
            if name.endswith(".v"):
                files.append(tmp_path / Path(name).name)
                files[-1].write_text(text)
        lint(files, chip.name, tmp_path, "-Wno-UNUSEDSIGNAL", "-Wno-PINCONNECTEMPTY")


def test_the_text_of_a_chip_is_stable() -> None:
    one, other = (chip_sources(Structure.of(encoder(), ChipOptions())) for _ in range(2))
    assert one == other
    again = chip_sources(Structure.of(encoder(5), ChipOptions()))
    assert again == one  # other weights, the same netlist
