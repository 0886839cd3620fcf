import json

from netwright import registry
from tests.cli.conftest import Netwright


def test_list_of_one_kind(netwright: Netwright) -> None:
    assert netwright("list", "tasks") == (
        0,
        "kind   name  where\ntasks  jets  netwright.tasks.jets:jets\n",
        "",
    )


def test_list_of_all_kinds_as_data(netwright: Netwright) -> None:
    code, out, _ = netwright("list", "--json")
    assert code == 0
    assert json.loads(out) == {kind: dict(registry.entries(kind)) for kind in registry.kinds()}


def test_unknown_kind_is_a_usage_error(netwright: Netwright) -> None:
    code, _, err = netwright("list", "task")
    assert code == 2
    assert err.startswith(
        'error: "task" is not a kind of thing that has names; did you mean "tasks"?\nhint: kinds: '
    )
