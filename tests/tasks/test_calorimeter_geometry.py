"""Where the trigger cells are, and the images and groups that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import calorimeter_geometry as geometry


def test_neighbors_in_a_rhombus_are_one_pitch_apart() -> None:
    places = geometry.positions_cm()
    assert places.shape == (48, 2)
    for block in range(3):
        for i in range(4):
            for j in range(3):
                cell = 16 * block + 4 * i + j
                assert np.hypot(*(places[cell] - places[cell + 1])) == pytest.approx(
                    geometry.PITCH_CM, abs=2e-4
                )
    assert geometry.distances()[0, 1] == pytest.approx(2.0)


def test_distances_are_a_metric() -> None:
    cost = geometry.distances()
    assert (cost == cost.T).all()
    assert (np.diag(cost) == 0).all()
    assert (cost[:, None, :] <= cost[:, :, None] + cost[None] + 1e-9).all()


def test_a_cell_is_nearest_to_its_own_center_and_far_points_are_outside() -> None:
    places = geometry.positions_cm()
    assert geometry.nearest_cell(places[:, 0], places[:, 1]).tolist() == list(range(48))
    assert geometry.nearest_cell(np.array([40.0]), np.array([0.0])).tolist() == [-1]


def test_image_has_every_cell_once_and_an_empty_quarter() -> None:
    cells = np.arange(1, 49, dtype=np.float32)[None]
    image = geometry.arrange(cells, "8x8")
    assert image.shape == (1, 1, 8, 8)
    assert (image[0, 0, 4:, 4:] == 0).all()
    assert image[0, 0, 0].tolist() == [29, 30, 31, 32, 1, 5, 9, 13]  # cell 28 counts from 0
    assert image[0, 0, 7, :4].tolist() == [45, 41, 37, 33]
    assert (geometry.gather(image) == cells).all()


def test_image_neighbors_are_neighbors_on_the_wafer() -> None:
    image = geometry.arrange(np.arange(48, dtype=np.float32)[None], "8x8")[0, 0].astype(int)
    cost = geometry.distances()
    for row in range(4):
        for column in range(7):
            assert cost[image[row, column], image[row, column + 1]] < 2.4


def test_channels_hold_one_rhombus_each() -> None:
    cells = np.arange(48, dtype=np.float32)[None]
    image = geometry.arrange(cells, "4x4x3")
    assert image.shape == (1, 3, 4, 4)
    assert image[0, :, 0, 1].tolist() == [1, 17, 33]
    assert (geometry.gather(image) == cells).all()


def test_windows_are_neighbors_and_overlap() -> None:
    windows = geometry.windows()
    assert windows.shape == (36, 4)
    cost = geometry.distances()
    assert max(cost[np.ix_(window, window)].max() for window in windows) < 4.5
    assert geometry.membership(windows).sum(axis=1).min() >= 1


@pytest.mark.parametrize("cells", [4, 16])
def test_tiles_cover_the_wafer_once(cells: int) -> None:
    tiles = geometry.tiles(cells=cells)  # type: ignore[arg-type]
    assert sorted(tiles.ravel().tolist()) == list(range(48))
    cost = geometry.distances()
    largest = 2 * np.sqrt(3) * (np.sqrt(cells) - 1) + 1e-3  # the long diagonal of a rhombus
    assert max(cost[np.ix_(tile, tile)].max() for tile in tiles) <= largest


def test_other_layouts_and_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match='layout must be 8x8 or 4x4x3, not "6x6"'):
        geometry.check_layout("6x6")
    with pytest.raises(DataError) as caught:
        geometry.arrange(np.zeros((2, 47)), "8x8")
    assert str(caught.value) == "wafers must have shape (rows, 48), not (2, 47)"
    with pytest.raises(DataError, match="an image of a wafer must have shape"):
        geometry.gather(np.zeros((2, 8, 8)))


def test_outlines_tile_a_hexagon() -> None:
    corners = geometry.outlines_cm()
    assert corners.shape == (48, 4, 2)
    assert np.abs(corners.mean(axis=1) - geometry.positions_cm()).max() < 0.6
    x, y = corners[:, :, 0], corners[:, :, 1]
    areas = np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(axis=1)) / 2
    assert areas == pytest.approx(np.full(48, geometry.PITCH_CM**2 * np.sqrt(3) / 2))
    shared = np.unique(np.round(corners.reshape(-1, 2) / 0.1 + 0.03), axis=0)
    assert len(shared) == 61  # the points of a hexagon of rhombi with four on a side
