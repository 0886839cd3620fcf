from netwright.backends.rtl.shared.memory import plane_words
from netwright.backends.rtl.shared.plan import Plan, planned
from netwright.backends.rtl.shared_options import SharedOptions
from tests.backends.rtl.shared.graphs import every_kind, random_graph


def reused(plan: Plan) -> bool:
    """Whether two tensors share a word."""
    taken = [
        word
        for name, stored in plan.stored.items()
        for word in range(
            plan.places[name],
            plan.places[name] + plane_words(stored, plan.options.channels) * stored.pieces,
        )
    ]
    return len(set(taken)) < len(taken)


def test_places_are_used_again() -> None:
    plans = [planned(random_graph(seed), SharedOptions(2, 1, 2)) for seed in range(6)]
    assert any(reused(plan) for plan in plans)


def test_what_is_needed_later_is_not_written_over() -> None:
    """No layer writes where it reads, nor where a later one reads something older."""
    plan = planned(every_kind(), SharedOptions(4, 2, 2))
    words = {
        name: set(range(plan.places[name], plan.places[name] + plan.plane_words(name) * s.pieces))
        for name, s in plan.stored.items()
    }
    for number, layer in enumerate(plan.layers):
        for later in plan.layers[number:]:
            for plane in later.planes:
                if plane.tensor == layer.target:
                    continue
                made = [i for i, other in enumerate(plan.layers) if other.target == plane.tensor]
                if not made or made[0] < number:
                    assert not words[layer.target] & words[plane.tensor]
