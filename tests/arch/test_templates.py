from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch import Accelerator, Figure, sized, template, templates, with_accelerators
from netwright.errors import ConfigError
from tests.cost.small import figure

HEAD = """
name = "mine"
[[nodes]]
kind = "memory"
name = "dram"
bandwidth = { value = 8e9, unit = "B/s", source = "t" }
read_energy = { value = 1e-10, unit = "J", source = "t" }
write_energy = { value = 1e-10, unit = "J", source = "t" }
"""


def part(**changes: object) -> Accelerator:
    given = {"name": "a", "parent": "dram", "template": "nvdla", **changes}
    return Accelerator.model_validate(given)


def test_the_array_takes_what_the_elements_allow():
    assert template("nvdla").sides(256) == (64, 4)
    assert template("nvdla").sides(3) == (3, 1)
    assert template("shidiannao").sides(100) == (10, 10)
    assert template("shidiannao").sides(7) == (2, 3)
    assert template("row_stationary").sides(150) == (12, 12)


@pytest.mark.parametrize("name", templates())
def test_every_template_is_a_part_that_can_be_priced(name):
    machine = with_accelerators(arch.find("unlike_pair"), [part(template=name)])
    assert not machine.missing_figures()
    assert [own.name for own in machine.accelerators] == ["a"]
    assert all(node.name == "dram" or node.name.startswith("a_") for node in machine.nodes)
    assert machine.area_m2 == pytest.approx(sized(part(template=name)).area_m2)


def test_area_counts_elements_memories_and_interconnect():
    size = sized(part(elements=128, bandwidth=figure(8e9, "B/s"), buffer=figure(1024, "B")))
    found = {name: 1e12 * area for name, area in size.areas.items()}  # square micrometers
    assert found["mac"] == pytest.approx(128 * 283)
    assert found["buffer"] == pytest.approx(1024 * 8 * 0.104)
    assert found["accumulators"] == pytest.approx(2 * 4096 * 8 * 0.104)
    assert found["weights"] == pytest.approx(128 * 2 * 8 * 0.104)
    assert found["port"] == pytest.approx(64 * (101.7938 * 8 + 395.473))
    assert size.area_m2 == pytest.approx(sum(found.values()) / 1e12)


def test_a_file_is_expanded(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(HEAD + '[[accelerators]]\nname = "a"\nparent = "dram"\ntemplate = "nvdla"\n')
    machine = arch.load(path)
    assert [unit.name for unit in machine.units] == ["a_mac"]
    assert machine.copies("a_mac") == 256


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            'name="a"\nparent="dram"\ntemplate="nvdla"\nelements=0',
            "accelerators[0].elements: should be",
        ),
        ('name="a"\nparent="dram"\ntemplate="nvdl"', 'there is no template "nvdl"; did you mean'),
        (
            'name="A b"\nparent="dram"\ntemplate="nvdla"',
            "accelerators[0].name: string should match",
        ),
        ('name="a"\nparent="ram"\ntemplate="nvdla"', 'node "a_port": there is no parent "ram"'),
        (
            'name="a"\nparent="dram"\ntemplate="nvdla"\nbits=3',
            "accelerators[0].bits: is not known; acc",
        ),
        ('name="a"\nparent="dram"\ntemplate="missing.toml"', "missing.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, lines, told):
    path = tmp_path / "m.toml"
    path.write_text(f"{HEAD}[[accelerators]]\n{lines}\n")
    with pytest.raises(ConfigError) as caught:
        arch.load(path)
    assert told in str(caught.value)
    assert "m.toml" in str(caught.value)


def test_names_are_unique(tmp_path):
    path = tmp_path / "m.toml"
    both = '[[accelerators]]\nname = "a"\nparent = "dram"\ntemplate = "nvdla"\n' * 2
    path.write_text(HEAD + both)
    with pytest.raises(ConfigError, match='node "a_port" is declared twice'):
        arch.load(path)
    path.write_text(HEAD + both[: len(both) // 2].replace('name = "a"', 'name = "dram"'))
    with pytest.raises(ConfigError, match='accelerator "dram" has the name of a node'):
        arch.load(path)
    path.write_text(HEAD.replace('name = "mine"', 'name = "mine"\naccelerators = 3'))
    with pytest.raises(ConfigError, match="must be an array of tables"):
        arch.load(path)


def test_another_number_of_accelerators_replaces_them():
    pair = arch.find("unlike_pair")
    three = with_accelerators(pair, [part(name=name) for name in ("a", "b", "c")])
    assert len(three.units) == 3
    with pytest.raises(ConfigError, match="declared twice"):
        with_accelerators(pair, [part(), part()])


def test_settings_reach_accelerators():
    pair = arch.find("unlike_pair")
    changed = arch.with_settings(
        pair, ["pixels.elements=64", "pixels.buffer=32KiB", "channels.template=row_stationary"]
    )
    sizes = {own.name: sized(own) for own in changed.accelerators}
    assert sizes["pixels"].sides == (8, 8)
    assert sizes["pixels"].buffer_bytes == 32768
    assert sizes["channels"].name == "row_stationary"
    assert changed.copies("pixels_mac") == 64
    for text, told in (
        ("pixels.elements=0", "pixels.elements: should be greater"),
        ("pixels.size=3", 'an accelerator has no setting "size"'),
        ("pixels.bandwidth=3", "pixels.bandwidth"),
        ("pixles.elements=3", 'there is no node "pixles"; did you mean "pixels"?'),
    ):
        with pytest.raises(ConfigError) as caught:
            arch.with_settings(pair, [text])
        assert told in str(caught.value)


def test_a_template_is_checked(tmp_path):
    good = (arch.templates.__globals__["FOLDER"] / "nvdla.toml").read_text()
    path = tmp_path / "t.toml"
    path.write_text(good.replace('dataflow = "weight"', 'dataflow = "free"'))
    with pytest.raises(ConfigError, match="dataflow"):
        template(str(path))
    other = tmp_path / "u.toml"
    other.write_text(good.partition('[[nodes]]\nkind = "array"')[0])
    with pytest.raises(ConfigError, match="must be a link, a buffer"):
        template(str(other))


def test_figures_are_sourced():
    machine = arch.find("unlike_pair")
    assert all(isinstance(own, Figure) and own.source for own in machine.figures.values())
