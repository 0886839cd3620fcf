from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.backends.soc.software.arena import ALIGNMENT, arena

LIVES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(-1, 6), st.integers(0, 4)), min_size=1, max_size=8
)


@settings(max_examples=50, deadline=None)
@given(LIVES)
def test_tensors_that_live_together_do_not_overlap(found: list[tuple[int, int, int]]) -> None:
    lives = [(str(i), size, first, first + more) for i, (size, first, more) in enumerate(found)]
    places, total = arena(lives)
    for name, size, first, last in lives:
        assert places[name] % ALIGNMENT == 0
        assert places[name] + size <= total
        for other, other_size, begin, end in lives:
            if other != name and begin <= last and first <= end:
                apart = places[name] + size <= places[other]
                assert apart or places[other] + other_size <= places[name]


def test_memory_is_used_again() -> None:
    assert arena([("a", 64, 0, 1), ("b", 64, 2, 3)])[1] == 64
