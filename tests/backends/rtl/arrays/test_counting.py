import json
from pathlib import Path

import pytest

from netwright.backends.rtl.arrays import NMArray, counting
from netwright.backends.rtl.arrays.counting import count_parts
from netwright.errors import BackendError, ConfigError
from netwright.progress import silent
from tests.backends.rtl.graphs import needs_yosys


@needs_yosys
def test_parts_are_counted_as_often_as_they_are_there(tmp_path: Path) -> None:
    design = NMArray(2, 3, kept=1, group=2).generate(tmp_path / "array")
    counts = design.count("gates")
    pe, edge = counts.parts["nm_pe"], counts.parts["nm_edge"]
    assert (pe.instances, edge.instances) == (6, 3)
    assert pe.each.value == sum(pe.cells.values())
    # sum and result, a group of two bytes, a weight with its place, slot, valid and first
    registers = sum(n for kind, n in pe.cells.items() if "DFF" in kind)
    assert registers == 2 * 32 + 2 * 8 + 9 + 3 == pe.registers.value
    total = 6 * pe.each.value + 3 * edge.each.value + counts.rest.value
    assert counts.total.value == total
    assert counts.share("nm_pe") == 6 * pe.each.value / total


def test_cells_that_there_are_not(tmp_path: Path) -> None:
    design = NMArray(1, 1).generate(tmp_path / "array")
    with pytest.raises(ConfigError) as caught:
        design.count("tsmc7")  # type: ignore[arg-type]
    assert str(caught.value) == (
        'cells must be one of "osu018", "nangate45", "ecp5", "gates", not \'tsmc7\''
    )


def test_a_report_without_the_parts_is_no_report(tmp_path: Path, monkeypatch) -> None:
    """A part under another name, or with several sets of parameters, would be lost silently."""
    monkeypatch.setattr(counting, "run_script", lambda *_, **__: 0.0)
    own = {"num_cells_by_type": {"$_AND_": 3}}
    for modules in (
        {"\\top": own},
        {"\\top": own, "$paramod$1\\part": own, "$paramod$2\\part": own},
        {"\\top": own, "\\part": own, "\\other": own},
        {"\\top": own, "\\part": {}},
    ):
        (tmp_path / "parts-gates.json").write_text(json.dumps({"modules": modules}))
        with pytest.raises(BackendError, match="is not a report of parts that can be read"):
            count_parts(
                "top", ["part"], [], cells="gates", folder=tmp_path, timeout_s=1.0, progress=silent
            )
