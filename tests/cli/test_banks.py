"""Options of ``netwright estimate`` for machines with units beside banks."""

import json

import pytest

MACHINE = ("estimate", "gpt2_small", "--arch", "gddr6-aim")


def test_rules_of_the_placement_are_given_one_by_one(netwright):
    seconds = {}
    for rules in ((), ("--place", "key_rows=false", "--place", "tokens=64")):
        code, out, err = netwright(*MACHINE, "--tokens", "40", *rules, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert found["goal"] is None
        seconds[rules] = found["total"]["seconds"]
    assert min(seconds, key=seconds.get) == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--place", "key_row=false"), '"key_row"; did you mean "key_rows"?'),
        (("--place", "packed=no"), 'packed must be true or false, not "no"'),
        (("--place", "packed"), 'packed must be true or false, not ""'),
        (("--place", "tokens=1e3"), 'tokens must be a whole number, not "1e3"'),
        (("--place", "tokens=9999999999999"), "tokens must be from 0 to"),
        (("--place", "packed=true", "--place", "packed=false"), "packed is given twice"),
        (("--goal", "energy"), '--goal: nothing is searched on "gddr6-aim"'),
        (("--time-limit-s", "3"), '--time-limit-s: nothing is searched on "gddr6-aim"'),
        (("--arch", "eyeriss", "--place", "packed=true"), "has no unit beside its banks"),
    ],
)
def test_what_no_machine_with_banks_takes_is_refused(netwright, given, message):
    code, _, err = netwright(*MACHINE, *given)
    assert code == 2
    assert message in err


def test_context_beyond_that_of_the_training_is_said(netwright):
    _, out, _ = netwright(*MACHINE, "--tokens", "1025", "--place", "packed=true")
    assert "gpt2_small was trained on 1024 tokens of context at most, and takes 1025 here" in out
