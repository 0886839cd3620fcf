"""Which bits a policy chooses."""

import pytest

from netwright.backends.rtl.radiation import CONTROL, NOTHING, Elaboration, Protection
from netwright.errors import ConfigError
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import bank

pytestmark = needs_yosys


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Elaboration:
    return bank(tmp_path_factory.mktemp("bank"))


@pytest.mark.parametrize(
    ("protection", "bits"),
    [
        (NOTHING, 0),
        (CONTROL, 15),
        (Protection(roles=("state",)), 1),
        (Protection(roles=("other",)), 7),
        (Protection(names=("weights[?][2]",)), 4),
        (Protection(names=("weights[0]*", "place*")), 5),
        (Protection(bits=frozenset({"weights[1][2]", "y_data[6]"})), 2),
        (Protection(roles=("configuration",), names=("weights*",)), 12),
    ],
)
def test_roles_patterns_and_bits_are_joined(
    design: Elaboration, protection: Protection, bits: int
) -> None:
    assert len(protection.chosen(design)) == bits


def test_what_chooses_nothing_is_named(design: Elaboration) -> None:
    policy = Protection(("pipeline",), ("weight[*",), frozenset({"weights[1][3]"}))
    with pytest.raises(ConfigError) as error:
        policy.chosen(design)
    assert str(error.value) == (
        'bank: there is no bit "weights[1][3]"; did you mean "weights[1][2]"?; no register has '
        'the role "pipeline"; no bit of a register is called "weight[*"'
    )


def test_a_role_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r'^roles: roles must be of configuration.*, not "all"$'):
        Protection(roles=("all",))
