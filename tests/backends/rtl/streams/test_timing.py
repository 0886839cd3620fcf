import numpy as np
import pytest

from netwright.backends.rtl.reuse import Tiling
from netwright.backends.rtl.streams.network import Fork, Gather, Join, Product, Serialize, Window
from netwright.backends.rtl.streams.timing import schedule
from tests.backends.rtl.streams.networks import network, unit

IMAGE = Window((1, 3), (0, 1), (0, 0), (1, 2), (1, 1), (1, 1), 0)
NOTHING = np.zeros((1, 1), dtype=np.int64)


def test_a_queue_of_one_place_takes_three_clocks() -> None:
    """Claimed at 0, written at 0, read at 1, free again at 2."""
    one = network({"a": 1, "u_out": 1}, [unit("u", "a", Join())], "a", "u_out")
    assert schedule(one).finished == (1, 3, 5, 7)
    two = network({"a": 1, "u_out": 1}, [unit("u", "a", Join(), depth=2)], "a", "u_out")
    assert schedule(two).finished == (1, 2, 3, 4)


def test_registers_delay_what_they_do_not_hold_up() -> None:
    made = network({"a": 1, "u_out": 1}, [unit("u", "a", Join(), depth=5, stages=3)], "a", "u_out")
    assert schedule(made).finished == (4, 5, 6, 7)


def test_a_product_takes_its_reuse_factor() -> None:
    product = Product("n", Tiling(1, 6, 1, 6), 6, 2, 1, (0, 1), 0, NOTHING, None)
    made = network({"a": 1, "u_out": 1}, [unit("u", "a", product, depth=2)], "a", "u_out")
    found = schedule(made)
    assert found.latency_cycles == 6 + 2 + 1
    assert found.interval_cycles == 6


def test_a_window_walks_over_the_padding() -> None:
    """The walk: padding, three positions; windows end at the last three places."""
    parts = [unit("u", "a", IMAGE, depth=3)]
    found = schedule(network({"a": 3, "u_out": 3}, parts, "a", "u_out"))
    assert found.finished == (5, 9, 13, 17)


def test_beats_are_gathered_and_sent_again() -> None:
    parts = [unit("g", "a", Gather(3), depth=2), Serialize("s", ("g_out",), "b")]
    found = schedule(network({"a": 3, "g_out": 1, "b": 3}, parts, "a", "b"))
    assert found.finished == (6, 9, 12, 15)


def residual(depth: int) -> list:
    """A stream beside its own windows, the first of which needs three beats."""
    return [
        Fork("f", ("a",), ("b", "c")),
        unit("w", "b", Window((1, 3), (0, 0), (0, 2), (1, 3), (1, 1), (1, 1), 0), depth=3),
        unit("d", "c", Join(), depth=depth),
        unit("j", ["w_out", "d_out"], Join(), depth=2),
    ]


BEATS = {"a": 3, "b": 3, "c": 3, "w_out": 3, "d_out": 3, "j_out": 3}


def test_a_queue_that_is_too_short_blocks_for_ever() -> None:
    with pytest.raises(AssertionError, match="beats block each other"):
        schedule(network(BEATS, residual(1), "a", "j_out"))


def test_an_unlimited_queue_tells_how_many_places_it_needs() -> None:
    found = schedule(network(BEATS, residual(1), "a", "j_out"), unlimited={"d"})
    enough = schedule(network(BEATS, residual(found.filled["d"]), "a", "j_out"))
    assert enough.finished == found.finished
