from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.flows.flow import load_flow
from tests.flows.tiny import FLOW, write_flow

FLOWS = Path(__file__).parents[2] / "flows"


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_flow_loads(path: Path) -> None:
    flow = load_flow(path)
    assert flow.name == path.stem
    assert flow.stages[-1].name == "report"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '"tiny-jets"',
            '"Tiny Jets"',
            "name must be lower-case letters, digits and dashes, a letter first, 60 at most, "
            'not "Tiny Jets"',
        ),
        ("seeds = [7]", "seeds = []", "seeds must hold at least 1 value, not 0"),
        ("seeds = [7]", "seeds = [-1]", "seeds[0] must be at least 0, not -1"),
        (
            '"jets", rows',
            '"jet", rows',
            'task.kind must be "calorimeter", "digits", "fashion-mnist", "jets", "nuclei", '
            '"pulses", "table" or "FILE.py:NAME", not "jet"; did you mean "jets"?',
        ),
        ("[3, 4, 6]", "[0, 4]", "compress.weight_bits[0] must be at least 2, not 0"),
        ("[3, 4, 6]", "[4, 99]", "compress.weight_bits[1] must be at most 16, not 99"),
        ("limit = 8_000", "limit = -1", "compress.budget.limit must be above 0, not -1"),
        (
            "budget = {",
            'scale = "power of two"\nbudget = {',
            'compress.scale must be "power-of-two" or "float", not "power of two"; '
            'did you mean "power-of-two"?',
        ),
        ("seeds = [7]", "seeds = [7, 7]", "seeds must differ from each other, not [7, 7]"),
    ],
)  # fmt: skip
def test_setting_out_of_range_is_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = write_flow(tmp_path, FLOW.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_flow(path)
    assert str(caught.value) == f"{path}: {sentence}"


def test_paths_may_be_texts(tmp_path: Path) -> None:
    path = write_flow(tmp_path)
    assert load_flow(str(path)).stages == load_flow(path).stages


def test_unknown_kind_says_the_closest_one(tmp_path: Path) -> None:
    path = write_flow(tmp_path, 'kind = "codesing"')
    with pytest.raises(ConfigError) as caught:
        load_flow(path)
    assert str(caught.value) == (
        f'{path}: kind must be "codesign" or "control", not "codesing"; did you mean "codesign"?'
    )
