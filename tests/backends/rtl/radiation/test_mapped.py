"""Triplication in the netlist after synthesis, and netlists that have lost it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netwright.backends.rtl.implement.liberty import GENERIC
from netwright.backends.rtl.radiation import NOTHING, Hardened
from netwright.backends.rtl.radiation.mapped import examine, survival
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import hardened

pytestmark = needs_yosys


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Hardened:
    return hardened(tmp_path_factory.mktemp("bank"))


def test_three_flip_flops_each_with_a_voter_for_every_bit(design: Hardened, tmp_path: Path) -> None:
    found = survival(design, folder=tmp_path)
    assert found.holds
    assert (found.flip_flops, found.voters, found.protected_bits) == (52, 45, 15)


def test_a_design_without_protection_has_no_voters(tmp_path: Path) -> None:
    found = survival(hardened(tmp_path, NOTHING), folder=tmp_path)
    assert (found.flip_flops, found.voters, found.faults) == (22, 0, ())
    assert not found.holds  # nothing is protected, so nothing has survived


def test_synthesis_that_does_not_keep_the_copies_is_found_out(
    design: Hardened, tmp_path: Path
) -> None:
    """Without the attributes, Yosys sees three equal registers and leaves one."""
    library = []
    for path in design.library:
        text = path.read_text().replace("(* keep_hierarchy *)", "")
        library.append(tmp_path / path.name)
        library[-1].write_text(text)
    merged = survival(replace(design, library=tuple(library)), folder=tmp_path)
    assert not merged.holds
    assert (merged.flip_flops, merged.voters) == (22, 0)
    assert "loading[0]: its register is not there any more" in merged.faults


def _module(netlist: dict[str, Any], name: str) -> dict[str, Any]:
    return next(module for key, module in netlist["modules"].items() if name in key)


def _share(netlist: dict[str, Any]) -> None:
    cells = _module(netlist, "voted_register")["cells"]
    cells["u_b"]["connections"]["q"] = cells["u_a"]["connections"]["q"]


def _read_a_copy(netlist: dict[str, Any]) -> None:
    module = _module(netlist, "voted_register")
    module["ports"]["q"]["bits"] = module["cells"]["u_a"]["connections"]["q"]


def _vote_otherwise(netlist: dict[str, Any]) -> None:
    ports = _module(netlist, "register_copy")["ports"]
    ports["vote"]["bits"] = ports["left"]["bits"]


def _keep_without_vote(netlist: dict[str, Any]) -> None:
    """What a flip-flop keeps is what it has: an upset would stay."""
    module = _module(netlist, "register_copy")
    ports = module["ports"]
    for cell in module["cells"].values():
        for pin, bits in cell["connections"].items():
            if pin not in ("Q", "D") and bits == ports["left"]["bits"]:
                cell["connections"][pin] = ports["q"]["bits"]


def _see_one_copy(netlist: dict[str, Any]) -> None:
    cells = _module(netlist, "voted_register")["cells"]
    cells["u_b"]["connections"]["left"] = cells["u_b"]["connections"]["right"]


def _lose(netlist: dict[str, Any]) -> None:
    del _module(netlist, "voted_register")["cells"]["u_c"]


def _empty(netlist: dict[str, Any]) -> None:
    _module(netlist, "register_copy")["cells"].clear()


def _other_input(netlist: dict[str, Any]) -> None:
    cells = _module(netlist, "voted_register")["cells"]
    cells["u_c"]["connections"]["d"] = cells["u_a"]["connections"]["q"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_share, "two copies share a net"),
        (_read_a_copy, "what is read is not the vote"),
        (_vote_otherwise, "the copy u_a has another vote than the majority in bit 0"),
        (_keep_without_vote, "the copy u_a "),
        (_see_one_copy, "the copy u_b does not see both others"),
        (_lose, "the copy u_c is not there any more"),
        (_empty, "the copy u_a has 0 flip-flops, not"),
        (_other_input, "the copy u_c does not take the input as it is"),
    ],
)
def test_a_netlist_with_a_fault(design: Hardened, tmp_path: Path, spoil: Any, fault: str) -> None:
    assert survival(design, folder=tmp_path).holds
    netlist = json.loads((tmp_path / "bank-gates.json").read_text())
    spoil(netlist)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(netlist))
    found = examine(design, path, GENERIC)
    assert not found.holds
    assert any(fault in text for text in found.faults)
