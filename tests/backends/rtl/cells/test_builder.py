from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire

A, B = Wire("a", (0, 3)), Wire("b", (0, 3))


def layer(adders_per_stage: int | None) -> LayerBuilder:
    made = LayerBuilder("l", adders_per_stage)
    made.times |= {"a": (0, 0), "b": (0, 0)}
    return made


def add(made: LayerBuilder, name: str, low: Wire, high: Wire, *, adders: int = 1) -> Wire:
    return made.add("m", name, (0, 9), {"low": low, "high": high}, {}, adders=adders)


def test_a_full_stage_is_followed_by_registers() -> None:
    made = layer(1)
    first = add(made, "s", A, B)
    second = add(made, "t", first, B)
    assert made.times == {
        "a": (0, 0), "b": (0, 0), "s": (0, 1), "s__1": (1, 0), "b__1": (1, 0), "t": (1, 1),
    }  # fmt: skip
    assert [cell.module for cell in made.cells] == ["m", "register", "register", "m"]
    assert made.cells[-1].inputs == {"low": Wire("s__1", (0, 9)), "high": Wire("b__1", (0, 3))}
    assert second == Wire("t", (0, 9))


def test_registers_are_shared() -> None:
    made = layer(1)
    assert made.at_stage(A, 2) == made.at_stage(A, 2) == Wire("a__2", (0, 3))
    assert len(made.cells) == 2


def test_no_limit_means_no_registers() -> None:
    made = layer(None)
    add(made, "t", add(made, "s", A, B), B)
    assert made.times["t"] == (0, 2)


def test_cells_without_an_adder_stay_in_a_full_stage() -> None:
    made = layer(1)
    add(made, "t", add(made, "s", A, B), A, adders=0)
    assert made.times["t"] == (0, 1)


def test_names_are_unique() -> None:
    made = layer(None)
    assert add(made, "s", A, B).name == "s"
    assert add(made, "s", A, B).name == "s_v2"


def test_elements_that_leave_are_aligned() -> None:
    made = layer(1)
    late = add(made, "t", add(made, "s", A, B), B)
    bundle = made.aligned("tensor", "out", [A, 7, late])
    assert bundle.stage == 1
    assert [getattr(e, "name", e) for e in bundle.elements] == ["a__1", 7, "t"]
    assert bundle.bits == 2 + 4
