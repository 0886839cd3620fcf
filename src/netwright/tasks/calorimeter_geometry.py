"""Geometry of a wafer: where its 48 trigger cells are, and how networks see them.

Three rhombi of 4 × 4 cells form a hexagon. Positions, the order of the 8 × 8 image and the windows
of 2 × 2 cells are those of fastmachinelearning/fastml-science, ``sensor-data-compression``
(``utils/metrics.py``, ``networks.py``, ``telescope.py``).
"""

from __future__ import annotations

from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError

CELLS = 48
BLOCKS, EDGE = 3, 4
PITCH_CM = 2.4168
"""Distance of neighbors inside a rhombus: two sensor cells."""

CELL_CM = PITCH_CM / 2
"""Width of a sensor cell, the unit of the energy mover's distance."""

CORNER_CM = PITCH_CM / sqrt(3)
"""From the center of a trigger cell, drawn as a hexagon, to its corners."""

Layout = Literal["8x8", "4x4x3"]
"""How a network sees the cells: one image of 8 × 8 whose lower right quarter is empty, or one image
of 4 × 4 whose three channels are the rhombi."""

LAYOUTS: tuple[Layout, ...] = ("8x8", "4x4x3")
SHAPES: dict[Layout, tuple[int, int, int]] = {"8x8": (1, 8, 8), "4x4x3": (3, 4, 4)}
"""Channels, height and width of an input."""

_IMAGE = (
    (28, 29, 30, 31, 0, 4, 8, 12),
    (24, 25, 26, 27, 1, 5, 9, 13),
    (20, 21, 22, 23, 2, 6, 10, 14),
    (16, 17, 18, 19, 3, 7, 11, 15),
    (47, 43, 39, 35, -1, -1, -1, -1),
    (46, 42, 38, 34, -1, -1, -1, -1),
    (45, 41, 37, 33, -1, -1, -1, -1),
    (44, 40, 36, 32, -1, -1, -1, -1),
)

_BORDER_WINDOWS = (
    (0, 1, 27, 31), (1, 2, 23, 27), (2, 3, 19, 23),
    (3, 7, 34, 35), (7, 11, 33, 34), (11, 15, 32, 33),
    (16, 17, 47, 43), (17, 18, 43, 39), (18, 19, 39, 35),
)  # fmt: skip


def positions_cm() -> NDArray[np.float64]:
    """Centers of the trigger cells in centimeters, (48, 2)."""
    u, h = PITCH_CM / 2, PITCH_CM * sqrt(3) / 2
    i, j = (axis.ravel() for axis in np.mgrid[:EDGE, :EDGE])
    first = np.stack([h * i, -u * i - PITCH_CM * j], axis=1)
    second = np.stack([-h * (4 - j), -10.2714 + u * j + PITCH_CM * i], axis=1)
    third = np.stack([4.7093 - h * (j + i), -12.3861 + u * j - u * i], axis=1)
    return np.concatenate([first, second, third])


def center_cm() -> NDArray[np.float64]:
    """The middle of the wafer, (2,)."""
    return positions_cm().mean(axis=0)


def outlines_cm() -> NDArray[np.float64]:
    """Corners of the trigger cells for pictures, (48, 4, 2): rhombi that tile a hexagon.

    The positions leave gaps of a quarter of a cell between the three rhombi of 4 × 4 cells; here
    they are moved to meet in the middle.
    """
    u, h = PITCH_CM / 2, PITCH_CM * sqrt(3) / 2
    edges = np.array(
        [[(h, -u), (0, -PITCH_CM)], [(h, u), (0, PITCH_CM)], [(-h, u), (-h, -u)]]
    )  # along both indices of a cell, block by block
    places = positions_cm().reshape(BLOCKS, EDGE * EDGE, 2)
    ends = np.array([(-0.5, 0.5), (0.5, -0.5), (0.5, -0.5)])  # toward the middle
    nearest = places[np.arange(BLOCKS), [3, 3, 3]]
    meeting = nearest + np.einsum("be,bex->bx", ends, edges)
    centers = places + (meeting.mean(axis=0) - meeting)[:, None]
    corners = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
    around = np.einsum("ce,bex->bcx", corners, edges)
    return (centers[:, :, None] + around[:, None]).reshape(CELLS, 4, 2)


def distances() -> NDArray[np.float64]:
    """Distances between trigger cells in sensor cells, (48, 48); neighbors are 2 apart."""
    places = positions_cm()
    return np.linalg.norm(places[:, None] - places[None], axis=2) / CELL_CM


def nearest_cell(x_cm: NDArray[np.floating], y_cm: NDArray[np.floating]) -> NDArray[np.int64]:
    """The trigger cell nearest to each point, -1 for points outside of the wafer.

    Args:
        x_cm: Shape ``(points,)``.
        y_cm: Shape ``(points,)``.
    """
    places = positions_cm().astype(np.float32)
    best = np.full(len(x_cm), np.float32(CORNER_CM**2))
    found = np.full(len(x_cm), -1, dtype=np.int64)
    x, y = x_cm.astype(np.float32), y_cm.astype(np.float32)
    for cell, (cell_x, cell_y) in enumerate(places):
        squared = (x - cell_x) ** 2 + (y - cell_y) ** 2
        nearer = squared < best
        best[nearer] = squared[nearer]
        found[nearer] = cell
    return found


def check_layout(layout: str) -> Layout:
    """Return the layout of this name.

    Raises:
        ConfigError: There is no such layout.
    """
    for known in LAYOUTS:
        if layout == known:
            return known
    raise ConfigError(
        f'layout must be {" or ".join(LAYOUTS)}, not "{layout}"',
        hint="8x8 is the image of the encoder with 2144 parameters, 4x4x3 that of the one with "
        "2288",
    )


def arrange(cells: NDArray[np.floating], layout: Layout) -> NDArray[np.float32]:
    """Cells as a network sees them.

    Args:
        cells: Shape ``(rows, 48)``.
        layout: Which image.

    Returns:
        Shape ``(rows, 1, 8, 8)`` or ``(rows, 3, 4, 4)``.

    Raises:
        DataError: There are not 48 cells in a row.
    """
    check_cells(cells)
    if layout == "4x4x3":
        return np.ascontiguousarray(cells, dtype=np.float32).reshape(len(cells), 3, 4, 4)
    image = np.zeros((len(cells), 1, 8, 8), dtype=np.float32)
    rows, columns = np.nonzero(np.array(_IMAGE) >= 0)
    image[:, 0, rows, columns] = cells[:, np.array(_IMAGE)[rows, columns]]
    return image


def arrangement(layout: Layout) -> tuple[int, ...]:
    """The cell that each input of a network gets, in row-major order; -1 for none."""
    numbers = arrange(np.arange(1.0, CELLS + 1)[None], layout)
    return tuple(int(number) - 1 for number in numbers.ravel())


def gather(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """The cells of an image; reverses :func:`arrange`.

    Args:
        image: Shape ``(rows, 1, 8, 8)`` or ``(rows, 3, 4, 4)``.

    Raises:
        DataError: The shape is another.
    """
    if image.shape[1:] == SHAPES["4x4x3"]:
        return image.reshape(len(image), CELLS).astype(np.float32)
    if image.shape[1:] != SHAPES["8x8"]:
        raise DataError(
            f"an image of a wafer must have shape (rows, 1, 8, 8) or (rows, 3, 4, 4), "
            f"not {image.shape}"
        )
    return image.reshape(len(image), 64)[:, image_places()].astype(np.float32)


def image_places() -> NDArray[np.int64]:
    """Where each trigger cell is in the flattened 8 × 8 image, (48,)."""
    flat = np.array(_IMAGE).ravel()
    return np.argsort(np.where(flat < 0, 64, flat), kind="stable")[:CELLS]


def check_cells(cells: NDArray[np.generic]) -> None:
    """Raise DataError unless each row holds 48 cells."""
    if cells.ndim != 2 or cells.shape[1] != CELLS:
        raise DataError(f"wafers must have shape (rows, {CELLS}), not {cells.shape}")


def windows() -> NDArray[np.int64]:
    """The 36 overlapping windows of 2 × 2 trigger cells, (36, 4): 9 a rhombus, 9 across borders."""
    inner = [
        (corner, corner + 1, corner + EDGE, corner + EDGE + 1)
        for block in range(BLOCKS)
        for corner in (16 * block + EDGE * i + j for i in range(EDGE - 1) for j in range(EDGE - 1))
    ]
    return np.array([*inner, *_BORDER_WINDOWS], dtype=np.int64)


def tiles(*, cells: Literal[4, 16] = 4) -> NDArray[np.int64]:
    """The super trigger cells, which do not overlap: 12 of 2 × 2 cells, or 3 of 4 × 4.

    Args:
        cells: Trigger cells in each.

    Returns:
        Shape ``(48 // cells, cells)``.
    """
    if cells == 16:
        return np.arange(CELLS, dtype=np.int64).reshape(BLOCKS, 16)
    corners = [16 * block + EDGE * i + j for block in range(BLOCKS) for i in (0, 2) for j in (0, 2)]
    return np.array([(c, c + 1, c + EDGE, c + EDGE + 1) for c in corners], dtype=np.int64)


def membership(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Matrix whose product with cells gives the sums of groups, (48, groups)."""
    matrix = np.zeros((CELLS, len(groups)))
    for index, members in enumerate(groups):
        matrix[members, index] = 1.0
    return matrix
