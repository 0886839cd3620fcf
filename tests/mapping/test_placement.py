from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.mapping import Gap, default_schedule
from netwright.mapping.placement import Stay, place_greedily, residencies, stays
from tests.mapping.graphs import chain_with_skips

STAYS = st.lists(
    st.builds(
        lambda first, length, size: Stay("t", first, first + length, size),
        st.integers(0, 9), st.integers(0, 5), st.integers(1, 9),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def test_stays_break_at_gaps_that_are_not_kept():
    schedule = default_schedule(chain_with_skips([4, 8, 2, 1], [[], [0], [1], [0, 2]]))
    own = [(s.first, s.last) for s in stays(schedule, ()) if s.tensor == "t0"]
    kept = [(s.first, s.last) for s in stays(schedule, {Gap(1, 3, "t0")}) if s.tensor == "t0"]
    assert (own, kept) == ([(0, 1), (3, 3)], [(0, 3)])


@settings(max_examples=40, deadline=None)
@given(STAYS, st.integers(9, 40))
def test_placed_stays_never_share_a_byte_at_one_time(wanted, capacity):
    offsets = place_greedily(wanted, capacity)
    if offsets is None:
        return
    placed = list(zip(wanted, offsets, strict=True))
    assert all(low >= 0 and low + stay.num_bytes <= capacity for stay, low in placed)
    for (a, low), (b, high) in combinations(placed, 2):
        assert not a.meets(b) or low + a.num_bytes <= high or high + b.num_bytes <= low


def test_too_much_is_not_placed():
    assert place_greedily([Stay("a", 0, 1, 5), Stay("b", 1, 1, 5)], 9) is None


def test_residencies_carry_their_addresses():
    (made,) = residencies([Stay("a", 0, 1, 5)], (3,), memory="m")
    assert (made.memory, made.offset, made.last) == ("m", 3, 1)
