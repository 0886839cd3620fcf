import re
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


def test_the_docs_list_every_extra_and_what_all_holds() -> None:
    text = (ROOT / "docs" / "installation.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z0-9]+)` \| ([^|]*) \|", text, re.MULTILINE))
    assert set(rows) == {extra.name for extra in EXTRAS} | {"all"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (together,) = project["optional-dependencies"]["all"]
    assert re.findall(r"\w+", rows["all"]) == re.findall(r"\w+", together)[1:]
