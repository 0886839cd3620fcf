from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.flows.templates import copy_template, templates


def test_jets_comes_with_the_package() -> None:
    assert "jets" in templates()


def test_unknown_flow_says_the_closest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        copy_template("jet", "mine", tmp_path)
    assert str(caught.value).startswith(
        'there is no flow "jet"; did you mean "jets"?\nhint: flows: '
    )


def test_name_must_fit_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        copy_template("jets", "../x", tmp_path)
    assert str(caught.value) == (
        'a flow\'s name must be lower-case letters, digits and dashes: "../x"'
    )
