"""The accelerator alone, its bus driven word by word."""

from pathlib import Path

import numpy as np

from netwright.backends.rtl.shared.descriptors import FEATURES_AT, image
from netwright.backends.rtl.shared.plan import Plan, Sizes
from tests.backends.rtl.bench import Bench, Instance

INPUTS = {"bus_valid": 1, "bus_address": 22, "bus_write_data": 32, "bus_strobe": 4}
OUTPUTS = {"bus_ready": 1, "bus_read_data": 32, "bus_error": 1, "irq": 1}

CONTROL, STATUS, CYCLES, IDENTITY = 0x00, 0x04, 0x08, 0x0C
START, CLEAR, INTERRUPT = 1, 2, 0x100
BUSY, DONE, RANGE, ACCESS, ENDLESS = 1, 2, 4, 8, 16


class Core:
    """One accelerator in a simulation."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        core = Instance("core", "shared_core", sizes.parameters, INPUTS, OUTPUTS)
        self.bench = Bench((core,), folder)

    def write(self, address: int, word: int, strobe: int = 15) -> bool:
        """One write; whether it was refused."""
        self.bench.put(
            "core", bus_valid=1, bus_address=address, bus_write_data=word, bus_strobe=strobe
        )
        return self._finish()[1]

    def read(self, address: int) -> tuple[int, bool]:
        """One read, and whether it was refused."""
        self.bench.put("core", bus_valid=1, bus_address=address, bus_strobe=0)
        return self._finish()

    def _finish(self) -> tuple[int, bool]:
        for _ in range(4):
            ready = self.bench.get("core", "bus_ready")
            word, error = (
                self.bench.get("core", "bus_read_data"),
                self.bench.get("core", "bus_error"),
            )
            self.bench.clock()
            if ready:
                self.bench.put("core", bus_valid=0)
                return word, bool(error)
        raise AssertionError("the bus does not answer")

    def load(self, plan: Plan) -> None:
        """Write everything that is written once."""
        for address, word in image(plan):
            assert not self.write(address, word)

    def run(self, limit: int = 200_000) -> int:
        """Start, wait for the interrupt, and give the clocks that the accelerator counted."""
        assert not self.write(CONTROL, START | INTERRUPT)
        for _ in range(limit):
            if self.bench.get("core", "irq"):
                return self.read(CYCLES)[0]
            self.bench.clock()
        raise AssertionError("no interrupt")

    def outputs(
        self, plan: Plan, codes: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], int]:
        """Results of one row and the clocks of the run."""
        for tensor, values in codes.items():
            view = plan.views[tensor]
            for place, value in enumerate(values.reshape(-1)[view.order].tolist()):
                self._put(plan.places[view.tensor] + place, value)
        cycles = self.run()
        found = {}
        for name, view in plan.views.items():
            if name in codes:
                continue
            stored = plan.stored[view.tensor]
            flat = np.empty(view.words, dtype=np.int64)
            for place, element in enumerate(view.order.tolist()):
                flat[element] = sum(
                    self._get(
                        plan.places[view.tensor] + place + p.piece * plan.plane_words(view.tensor),
                        p.is_signed,
                    )
                    << 16 * p.piece
                    for p in stored.planes
                )
            found[name] = flat
        return found, cycles

    def _put(self, place: int, value: int) -> None:
        word = (value & 0xFFFF) << 16 * (place % 2)
        assert not self.write(FEATURES_AT + place // 2 * 4, word, 3 << 2 * (place % 2))

    def _get(self, place: int, is_signed: bool) -> int:
        word, error = self.read(FEATURES_AT + place // 2 * 4)
        assert not error
        half = word >> 16 * (place % 2) & 0xFFFF
        return half - (1 << 16) if is_signed and half >> 15 else half
