from __future__ import annotations

import pytest

from netwright import arch
from netwright.errors import ConfigError

MACHINE = """
name = "a"
[[nodes]]
kind = "memory"
name = "dram"
[nodes.dram]
protocol = "dram"
clock = { value = 0.5, unit = "ns", source = "s" }
channels = 1
bank_groups = 2
banks_per_group = 2
rows = 16
columns = 8
access_bytes = 32
"""

NAMES = ("cl", "cwl", "bl", "rcd_read", "rcd_write", "ras", "rp", "rc", "rtp", "wr", "rrd_s",
         "rrd_l", "faw", "ccd_s", "ccd_l", "wtr_s", "wtr_l", "turn", "rfc", "refi")  # fmt: skip


def machine(tmp_path, *, extra="", timings=NAMES, head=MACHINE, unit="cycle"):
    path = tmp_path / "a.toml"
    lines = [f'{name} = {{ value = 4, unit = "{unit}", source = "s" }}' for name in timings]
    path.write_text(head + "[nodes.dram.timings]\n" + "\n".join(lines) + "\n" + extra)
    return arch.load(path)


def refused(tmp_path, **settings):
    with pytest.raises(ConfigError) as caught:
        machine(tmp_path, **settings)
    return caught.value.message


def test_sizes_follow_from_the_organization(tmp_path):
    dram = machine(tmp_path).memories[0].dram
    assert (dram.banks, dram.row_bytes, dram.capacity_bytes) == (4, 256, 4 * 16 * 256)
    assert dram.refresh_cycles == 4
    assert dram.cycles("cl + bl - cwl + 3") == 7


def test_times_are_rounded_up_to_cycles(tmp_path):
    dram = machine(tmp_path, unit="ns").memories[0].dram
    assert dram.cycles("cl") == 8
    text = MACHINE.replace("0.5", "0.66")
    assert machine(tmp_path, unit="ns", head=text).memories[0].dram.cycles("cl") == 7


def test_rule_that_names_no_command_is_refused(tmp_path):
    rule = '[[nodes.dram.rules]]\nlevel = "bank"\npreceding = ["actvate"]\nfollowing = ["read"]\n'
    assert refused(tmp_path, extra=rule + 'distance = "rp"\n') == (
        f"{tmp_path}/a.toml: " + 'nodes[0].dram: rule 20 ("rp" at level bank) names "actvate", '
        'which is no command; did you mean "activate"?'
    )


def test_rule_that_names_no_timing_is_refused(tmp_path):
    message = refused(tmp_path, timings=NAMES[:-2] + NAMES[-1:])
    assert 'needs a timing "rfc", which the machine does not give' in message


def test_figure_without_source_is_refused(tmp_path):
    head = MACHINE.replace(', source = "s" }', " }")
    assert "nodes[0].dram.clock.source: field required" in refused(tmp_path, head=head)


def test_unknown_protocol_is_refused(tmp_path):
    message = refused(tmp_path, head=MACHINE.replace('"dram"\nclock', '"drams"\nclock'))
    assert 'there is no protocol "drams"; did you mean "dram"?' in message


def test_fraction_of_a_cycle_is_refused(tmp_path):
    path = '[nodes.dram.timings]\ncl = { value = 4.5, unit = "cycle", source = "s" }\n'
    (tmp_path / "a.toml").write_text(MACHINE + path)
    with pytest.raises(ConfigError, match="must be a whole number of cycles up to 16777216, not 4"):
        arch.load(tmp_path / "a.toml")


def test_own_rules_hold_beside_those_of_the_protocol(tmp_path):
    rule = ('[[nodes.dram.rules]]\nlevel = "channel"\npreceding = ["read"]\nfollowing = ["read"]\n'
            'distance = "9"\nwindow = 2\n')  # fmt: skip
    dram = machine(tmp_path, extra=rule).memories[0].dram
    assert len(dram.all_rules) == len(arch.protocol("dram").rules) + 1


def test_every_figure_has_its_place(tmp_path):
    assert {"dram.dram.clock", "dram.dram.timings.cl"} <= set(machine(tmp_path).figures)
