import pytest

from netwright.backends.rtl.cells.delays import CellDelays

DELAYS = CellDelays(table=1.0, chain=2.0, carry=0.1, table_inputs=4, source="made up")


@pytest.mark.parametrize(
    ("module", "parameters", "adders", "expected"),
    [
        ("shift_adder", {"SUM_BITS": 9, "SHIFT": 4}, 1, 2.5),
        ("shift_adder", {"SUM_BITS": 9, "SHIFT": 4}, 0, 0.0),  # wires side by side
        ("offset_adder", {"Y_BITS": 8, "SHIFT": 1, "SKIP": 2}, 1, 2.5),
        ("lookup", {"X_BITS": 4}, 1, 1.0),
        ("lookup", {"X_BITS": 7}, 1, 4.0),
        ("half_even", {"SHIFT": 3}, 1, 1.0),
        ("maximum", {"Y_BITS": 5}, 1, 3.5),
        ("dot_product", {"Y_BITS": 10}, 3, 9.0),
    ],
)  # fmt: skip
def test_delays_of_modules(
    module: str, parameters: dict[str, int], adders: int, expected: float
) -> None:
    assert DELAYS.of(module, parameters, adders) == pytest.approx(expected)


def test_a_limit_at_a_power_of_two_is_seen_in_bits_others_take_a_chain() -> None:
    clamp = {
        "X_BITS": 8, "Y_BITS": 4, "CHECK_LOW": 1, "LOW": 0, "LOW_POWER": -1,
        "CHECK_HIGH": 1, "HIGH": 15, "HIGH_POWER": 4,
    }  # fmt: skip
    seen = DELAYS.of("clamp", clamp, 1)
    compared = DELAYS.of("clamp", {**clamp, "HIGH": 12, "HIGH_POWER": -1}, 1)
    assert seen == pytest.approx(2.0)  # five upper bits and one to choose are two tables deep
    assert compared == pytest.approx(seen + 2.8)
