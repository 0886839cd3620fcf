import pytest

from netwright.backends.rtl.implement.floorplan import FloorPlan, Tile
from netwright.errors import BackendError

PLACED = """\
  "modules": {
    "top": {
      "cells": {
        "u_jets_fc1.u_sum_3.chain_CCU2C_S1$CCU2_COMB0": {
          "type": "TRELLIS_COMB",
          "attributes": {
            "NEXTPNR_BEL": "X50/Y2/SLICEC.K0",
        "u_jets_fc1.u_sum_3.chain_CCU2C_S1$CCU2_COMB1": {
            "NEXTPNR_BEL": "X50/Y2/SLICEC.K1",
        "frame_x_data_3": {
            "NEXTPNR_BEL": "X4/Y7/SLICEA.FF0",
        "y_data_LUT4_Z": {
            "NEXTPNR_BEL": "X50/Y2/SLICED.K0",
        "some_net": {
          "bits": [ 3 ],
"""


def test_cells_are_counted_by_tile_and_layer() -> None:
    plan = FloorPlan.of("ecp5-85k", PLACED.splitlines())
    assert (plan.columns, plan.rows) == (127, 96)
    assert plan.tiles == (Tile(50, 2, "", 1), Tile(50, 2, "jets_fc1", 2), Tile(4, 7, "", 1))
    assert FloorPlan.read(plan.text) == plan


@pytest.mark.parametrize("text", ["", "nonsense\n", PLACED.replace("X50", "X500")])
def test_a_design_without_places_is_refused(text: str) -> None:
    with pytest.raises(BackendError) as caught:
        FloorPlan.of("ecp5-85k", text.splitlines())
    assert caught.value.message == (
        "the placed design: is not what this version knows of nextpnr's designs"
    )


@pytest.mark.parametrize("text", ["", "{}", '{"columns": 1, "rows": 1, "tiles": [[1, 2]]}'])
def test_a_plan_that_is_damaged(text: str) -> None:
    with pytest.raises(BackendError) as caught:
        FloorPlan.read(text)
    assert caught.value.message == "the floor plan is damaged"
