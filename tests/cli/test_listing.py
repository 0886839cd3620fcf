import json

from netwright import registry
from tests.cli.conftest import Netwright


def test_list_of_one_kind(netwright: Netwright) -> None:
    code, out, err = netwright("list", "tasks")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["kind", "name", "where"],
        ["tasks", "calorimeter", "netwright.tasks.calorimeter:calorimeter"],
        ["tasks", "digits", "netwright.tasks.digits:digits"],
        ["tasks", "fashion-mnist", "netwright.tasks.fashion:fashion_mnist"],
        ["tasks", "jets", "netwright.tasks.jets:jets"],
        ["tasks", "nuclei", "netwright.tasks.nuclei:nuclei"],
        ["tasks", "pulses", "netwright.tasks.pulses:pulses"],
        ["tasks", "table", "netwright.tasks.own:TableOptions"],
    ]


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
