from __future__ import annotations

import pytest

from netwright import arch
from netwright.arch.protocol import Command, Rule, rule_faults, terms
from netwright.errors import ConfigError

READ = {"level": "bank", "does": "read", "opens_with": "activate", "closes_with": "precharge"}


def faults(commands, rules=()):
    made = {name: Command(**settings) for name, settings in commands.items()}
    return list(rule_faults(made, tuple(Rule(**rule) for rule in rules), frozenset({"rp"})))


def test_every_protocol_is_whole():
    for name in arch.protocols():
        found = arch.protocol(name)
        timings = frozenset(term for rule in found.rules for _, term in terms(rule.distance))
        latencies = (terms(command.latency) for command in found.commands.values())
        timings |= {term for own in latencies for _, term in own}
        assert list(rule_faults(found.commands, found.rules, timings)) == []


def test_protocol_has_the_rules_of_what_it_extends():
    base, more = arch.protocol("dram"), arch.protocol("near_bank")
    assert set(base.rules) < set(more.rules)
    assert set(base.commands) < set(more.commands)
    staggered = arch.protocol("near_bank_staggered")
    assert staggered.rules == more.rules
    assert staggered.commands["mac_all"].opens_with == "activate"


def test_terms_of_a_distance():
    assert terms("cl + bl -cwl+ 2") == ((1, "cl"), (1, "bl"), (-1, "cwl"), (1, "2"))
    for text in ("", "cl bl", "cl *", "__import__", "cl + "):
        with pytest.raises(ValueError, match="must be a sum of timings"):
            terms(text)


def test_faults_of_commands_are_named():
    close = {"level": "channel", "does": "close"}
    assert faults({"read": READ}) == [
        'command "read": opens_with names "activate", which is no command',
        'command "read": closes_with names "precharge", which is no command',
    ]
    assert faults({"read": READ, "activate": close, "precharge": close}) == [
        'command "read": opens_with names "activate", which does not open rows',
        'command "read": closes_with names "precharge", which concerns more than it does',
    ]
    assert faults({"read": {"level": "bank", "does": "read"}}) == [
        'command "read" needs rows: give opens_with and closes_with'
    ]
    assert faults({"tidy": {"level": "bank", "does": "refresh"}}) == [
        'command "tidy": a refresh concerns a channel and has closes_with'
    ]


def test_window_over_parts_is_refused():
    rule = {"level": "bank", "preceding": ("all",), "following": ("all",), "distance": "rp",
            "window": 2}  # fmt: skip
    assert (
        faults({"all": {"level": "channel", "does": "close"}}, [rule])
        == [
            'rule 0 ("rp" at level bank) counts several commands, and "all" concerns more than its '
            "level"
        ]
        * 2
    )


def test_unknown_protocol_says_the_nearest():
    with pytest.raises(ConfigError, match='did you mean "near_bank"'):
        arch.protocol("nearbank")
