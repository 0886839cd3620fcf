from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from netwright import arch
from netwright.arch import Compute
from netwright.arch.load import parse
from netwright.arch.load import tables as tables_of
from netwright.errors import ConfigError
from netwright.formats import E2M1, E4M3, Bipolar, Fixed, Float, Int, NumberFormat
from netwright.quantities import Quantity
from tests.cost.small import conv


def test_every_figure_of_the_library_has_a_source():
    for name in arch.names():
        for node in arch.find(name).nodes:
            for _, value in node:
                if isinstance(value, arch.Figure):
                    assert len(value.source) > 5


def test_figure_becomes_a_quantity():
    figure = arch.Figure(value=1.0, unit="J", source="table 1")
    assert figure.to_quantity() == Quantity(1.0, "J", "table 1", "published")


def test_unlimited_memory_has_no_capacity():
    assert arch.find("scratchpad").memory("dram").capacity_bytes is None


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"bandwidth": (0, "B/s")}, "must be above 0, not 0 B/s"),
        ({"bandwidth": (16, "MHz")}, 'the unit must be "B/s" or "bit/s"'),
        ({"capacity": (0.5, "B")}, "must be at least one byte, not 0.5 B"),
        ({"capacity": (0, "KiB")}, "must be above 0, not 0 KiB"),
        ({"read_energy": (1, "W")}, 'the unit must be "J" or "J/B" or "J/bit"'),
        ({"bandwidth": (1e300, "TB/s")}, "must be a finite number"),
    ],
)
def test_figures_that_make_no_sense_are_refused(figures, message):
    made = {
        name: {"value": float(value), "unit": unit, "source": "made up"}
        for name, (value, unit) in figures.items()
    }
    with pytest.raises(ValidationError, match=re.escape(message)):
        arch.Memory.model_validate({"kind": "memory", "name": "m", **made})


def test_rate_of_nothing_is_refused():
    rate = {"value": 0.0, "unit": "op/s", "source": "made up"}
    with pytest.raises(ValidationError, match="must be above 0, not 0 op/s"):
        arch.Compute.model_validate({"kind": "compute", "name": "c", "parent": "m", "rate": rate})


def test_figures_are_converted_to_the_unit_that_counts():
    capacity = {"value": 2.0, "unit": "KiB", "source": "made up"}
    energy = {"value": 5.0, "unit": "pJ", "source": "made up"}
    memory = arch.Memory.model_validate(
        {"kind": "memory", "name": "m", "capacity": capacity, "read_energy": energy}
    )
    assert memory.capacity_bytes == 2048
    assert memory.read_energy == arch.Figure(value=5e-12, unit="J/B", source="made up")


def axis_of(*ranks):
    return arch.Array(kind="array", name="a", parent="m", fanout=(4,), ranks=(ranks,))


@pytest.mark.parametrize(
    ("ranks", "meant", "known_to", "taken"),
    [
        (("reduced",), "C", {"input", "weight"}, True),
        (("reduced",), "M", {"weight", "output"}, False),
        (("shared:input",), "M", {"weight", "output"}, True),
        (("private:output+shared:weight",), "P", {"input", "output"}, True),
        (("private:output+shared:weight",), "G", {"input", "weight", "output"}, False),
        (("private:input+private:weight+private:output",), "G", set(arch.ROLES), True),
        (("M", "reduced"), "S", {"input", "weight"}, True),
        (("M", "C"), "S", {"input", "weight"}, False),
        ((), "S", {"input", "weight"}, False),
    ],
)
def test_axes_take_ranks_by_what_they_are_to_tensors(ranks, meant, known_to, taken):
    assert axis_of(*ranks).takes(0, meant, known_to) == taken


LETTERS = {
    "M": "shared:input+private:weight+private:output", "C": "private:input+private:weight+reduced",
    "P": "private:input+shared:weight+private:output",
    "G": "private:input+private:weight+private:output",
}  # fmt: skip


@pytest.mark.parametrize("letter", LETTERS)
def test_letters_are_names_of_combinations(letter):
    """Without windows, the ranks that a letter takes are those of its combination."""
    op = conv(4, 6, 5, 1, groups=2)
    by_letter, by_words = axis_of(letter), axis_of(LETTERS[letter])
    for rank, meant in op.directions.items():
        named = "P" if meant in ("P", "Q", "N") else meant
        known = op.known_to(rank)
        assert by_words.takes(0, meant, known) == by_letter.takes(0, named, known)


@pytest.mark.parametrize("text", ["m", "private", "private:bias", "reduced+", "M+reduced", ""])
def test_unknown_constraints_are_refused_with_what_is_accepted(text):
    with pytest.raises(ValidationError, match=re.escape(f'not "{text}"')) as caught:
        axis_of(text)
    assert "private:output+shared:weight" in str(caught.value)


@pytest.mark.parametrize("name", ["foo", "", "int", "int0", "e2", "NM"])
def test_only_patterns_and_number_formats_are_exploited(name: str) -> None:
    with pytest.raises(ValidationError, match=r"a pattern \(blocks, density, nm\) or a number"):
        Compute(kind="compute", name="pe", parent="dram", exploits=(name,))


@pytest.mark.parametrize("number", [Int(4), Int(8, signed=False), Bipolar(), Float(16), E2M1, E4M3,
                                    Fixed(8, 3), Fixed(8, -1, signed=False)])  # fmt: skip
def test_every_number_format_can_be_exploited(number: NumberFormat) -> None:
    assert Compute(kind="compute", name="pe", parent="dram", exploits=(str(number),))


@pytest.mark.parametrize(
    ("figure", "value", "told"),
    [
        ("bandwidth", 1e-31, "must be from 1e-30 to 1e+30 B/s, or 0 where it does not divide"),
        ("bandwidth", 1e31, "not 1e+31 B/s"),
        ("read_energy", 1e40, "must be from 1e-30 to 1e+30 J/B"),
    ],
)
def test_figures_beyond_what_can_be_summed_up_are_refused(figure, value, told):
    tables = tables_of("scratchpad")
    unit = {"bandwidth": "B/s", "read_energy": "J/B"}[figure]
    tables["nodes"][0][figure] = {"value": value, "unit": unit, "source": "test"}
    with pytest.raises(ConfigError) as caught:
        parse(tables, source="m.toml")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("fanout", "told"),
    [
        ([1 << 25], "should be less than or equal to 16777216"),
        ([2] * 7, "should have at most 6 items after validation, not 7"),
    ],
)
def test_arrays_larger_than_any_search_can_look_at_are_refused(fanout, told):
    tables = tables_of("scratchpad")
    (array,) = (node for node in tables["nodes"] if node["kind"] == "array")
    array |= {"fanout": fanout, "ranks": []}
    with pytest.raises(ConfigError) as caught:
        parse(tables, source="m.toml")
    assert told in str(caught.value)


def test_names_are_told_cut():
    tables = tables_of("scratchpad")
    tables["nodes"][1]["parent"] = "x" * 5000
    with pytest.raises(ConfigError, match="should have at most 100 characters") as caught:
        parse(tables, source="m.toml")
    assert len(str(caught.value)) < 200


def test_long_words_are_told_cut():
    tables = tables_of("scratchpad")
    tables["nodes"][0]["kind"] = "x" * 5000
    with pytest.raises(ConfigError) as caught:
        parse(tables, source="m.toml")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("accelerators", [[[]], [3], ["x"]])
def test_accelerators_that_are_no_tables_are_refused(accelerators):
    with pytest.raises(ConfigError, match=r"accelerators\[0\]: "):
        parse({**tables_of("unlike_pair"), "accelerators": accelerators}, source="m.toml")


@pytest.mark.parametrize("nodes", [3, "x"])
def test_nodes_beside_accelerators_that_are_no_tables_are_refused(nodes):
    with pytest.raises(ConfigError, match="nodes: must be an array of tables"):
        parse({**tables_of("unlike_pair"), "nodes": nodes}, source="m.toml")
