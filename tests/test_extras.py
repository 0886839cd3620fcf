import tomllib
from pathlib import Path

from netwright.extras import EXTRAS

ROOT = Path(__file__).parents[1]


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        name: {line.split(">")[0].split("=")[0] for line in lines}
        for name, lines in project["optional-dependencies"].items()
        if name != "all"
    }
    assert {extra.name: set(extra.packages) for extra in EXTRAS} == declared
