import pytest
from pydantic import ValidationError
from tests.report.sample import hardware, modelled

from netwright.report import FloorPlan, Hardware, HardwareLayer, LayerProof, Utilization


def test_hardware_survives_the_way_through_json():
    assert Hardware.model_validate_json(hardware().model_dump_json()) == hardware()


def test_nothing_proven_does_not_hold():
    proof = LayerProof(layer="fc1", method="coefficients", what="products", num_proven=0)
    assert not proof.holds
    assert proof.failed
    assert proof.model_copy(update={"num_proven": 3}).holds
    some = proof.model_copy(update={"num_proven": 3, "num_open": 1})
    assert (some.holds, some.failed) == (False, False)
    assert not proof.model_copy(update={"num_proven": 3, "counter_example": "x = 1"}).holds


def test_layer_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="last_stage must be at least first_stage, 3, not 2"):
        HardwareLayer(
            name="fc1", nodes=(), first_stage=3, last_stage=2, num_inputs=1, input_bits=1,
            num_outputs=1, output_bits=1, num_adders=0,
        )  # fmt: skip


def test_clock_is_met_only_at_that_frequency():
    routing = hardware().routing
    assert routing is not None
    assert not routing.met
    assert routing.model_copy(update={"fmax": modelled(100.0, "MHz")}).met


def test_utilization_is_a_share_of_what_the_part_has():
    assert Utilization(cell="TRELLIS_COMB", used=41_820, available=83_640).share == 0.5
    with pytest.raises(ValidationError):
        Utilization(cell="TRELLIS_COMB", used=1, available=0)


def test_carry_cells_of_some_parts_hold_tables_themselves():
    cells = hardware().cells[0]
    assert (cells.lut.value, cells.carry.value) == (1_002, 7_255)
    assert cells.num_tables == 1_002 + 2 * 7_255
    assert cells.model_copy(update={"carry": modelled(7_255, "CARRY4")}).num_tables == 1_002


def test_wires_have_a_share_of_the_critical_path():
    routing = hardware().routing
    assert routing is not None
    assert routing.wiring_share == pytest.approx(10.2 / 16.3)


@pytest.mark.parametrize("tile", [(127, 0, 0, 1), (0, 96, 0, 1), (0, 0, 3, 1)])
def test_tiles_outside_the_part_are_refused(tile):
    with pytest.raises(
        ValidationError, match="tiles must be inside 127 columns, 96 rows and 3 lay"
    ):
        FloorPlan(columns=127, rows=96, layers=("fc1", "fc2", ""), tiles=(tile,))
