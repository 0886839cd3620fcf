from __future__ import annotations

import pytest

from netwright import arch
from netwright.errors import ConfigError

DRAM = '[[nodes]]\nkind = "memory"\nname = "dram"\n'
PAD = '[[nodes]]\nkind = "memory"\nname = "pad"\nparent = "dram"\n'


def load(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\n' + text)
    return arch.load(path)


def test_library_loads():
    for name in arch.names():
        assert arch.find(name).name == name


def test_unknown_name_says_the_nearest():
    with pytest.raises(ConfigError) as caught:
        arch.find("scratchpads")
    assert caught.value.message == (
        '"scratchpads" is not one of the architectures; did you mean "scratchpad"?'
    )


def test_all_faults_are_listed(tmp_path):
    bad = 'read_energy = { value = -1.0, unit = "J", source = "s" }\nline_bytes = 0\nbandwith = 3\n'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, DRAM + bad)
    lines = caught.value.message.splitlines()
    assert lines[0].endswith("3 settings are not accepted")
    assert lines[1:] == [
        "  nodes[0].line_bytes: should be greater than or equal to 1",
        "  nodes[0].read_energy.value: should be greater than or equal to 0",
        '  nodes[0].bandwith: is not known; did you mean "bandwidth"?',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DRAM + DRAM, 'node "dram" is declared twice'),
        (DRAM + PAD.replace('parent = "dram"', ""), "exactly one node must have no parent, not 2"),
        (DRAM + PAD.replace('"dram"', '"x"'), 'node "pad": there is no parent "x"'),
        (DRAM + PAD.replace('parent = "dram"', 'parent = "pad"'), '"pad" lies below itself'),
        (
            DRAM + '[[nodes]]\nkind = "array"\nname = "g"\nparent = "dram"\n'
            'fanout = [2, 2]\nranks = [["M"]]\n',
            r"nodes\[1\]: ranks: must name the ranks of each of the 2 axes, not of 1",
        ),
        (
            DRAM + "bandwidth = 16e9\n",
            r"nodes\[0\].bandwidth: must be a table with its unit and source, such as "
            r'bandwidth = { value = 16, unit = "GB/s", source = "data sheet" }',
        ),
        (
            DRAM + '[[nodes]]\nkind = "compute"\nname = "c"\nparent = "dram"\n'
            "operators = { exp = { cycles = 0 } }\n",
            r"nodes\[1\].operators.exp.cycles: should be greater than or equal to 1",
        ),
        (
            DRAM + '[[nodes]]\nkind = "compute"\nname = "c"\nparent = "dram"\n'
            'operators = { exp = { energy = { value = 1, unit = "W", source = "s" } } }\n',
            r'nodes\[1\].operators.exp.energy: the unit must be "J" or "J/op"',
        ),
        ("", "nodes: field required"),
        ("nodes = 3\n", "nodes: "),
        ("= 3\n", "is not TOML"),
    ],
)
def test_faulty_file_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such file$"):
        arch.find(str(tmp_path / "none.toml"))
