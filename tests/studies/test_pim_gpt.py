"""The study of tokens beside banks: claims have functions, and what takes seconds holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.run import Silent
from netwright.studies import Context, find_study, judge, pim_gpt_pictures, pim_gpt_tokens
from netwright.studies.pim_gpt_tokens import HELD, Setting, machine_of, simulated
from netwright.studies.study import functions_of


def test_every_claim_has_a_function() -> None:
    found = find_study("pim-gpt")
    assert set(functions_of(found)) == {claim.id for claim in found.claims}


def test_claims_of_the_smoke_profile_hold(tmp_path: Path) -> None:
    found = find_study("pim-gpt")
    functions = functions_of(found)
    context = Context("smoke", tmp_path, Silent())
    claims = [claim for claim in found.claims if claim.profile == "smoke"]
    assert [claim.id for claim in claims] == [
        "closed-form", "channels-alike", "traces-legal", "bytes-bound", "layout-exact",
        "series-bounded",
    ]  # fmt: skip
    for claim in claims:
        outcome = judge(claim, functions[claim.id](context))
        assert outcome.verdict in ("reproduced", "trend"), outcome


def test_slower_hosts_and_fewer_channels_take_longer() -> None:
    machine = machine_of(Setting("gpt2_small", host_mhz=100, channels=4))
    assert machine.figures["host.rate"].value == pytest.approx(1e8)
    assert machine.copies("channel_buffer") == 4
    whole = simulated(Setting("gpt2_small", 64, rules=HELD))
    assert whole.violations == ()
    assert sum(whole.seconds_by.values()) == pytest.approx(whole.seconds)
    slower = simulated(Setting("gpt2_small", 64, host_mhz=100, rules=HELD))
    host = whole.seconds_by["host"]
    assert slower.seconds_by["host"] == pytest.approx(10 * host, rel=0.1)


def test_banks_are_drawn() -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    assert "Banks of channel" in pim_gpt_pictures._banks()


def test_rules_are_switched_off_one_by_one() -> None:
    off = [
        [name for name in ("balanced", "packed", "key_rows", "value_columns")
         if not getattr(rules, name)]
        for rules in pim_gpt_tokens.RULES.values()
    ]  # fmt: skip
    assert off == [["balanced"], ["packed"], ["key_rows"], ["value_columns"]]
