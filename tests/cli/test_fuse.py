from __future__ import annotations

import json
from importlib.resources import files

import pytest

from netwright import ir, mapping
from tests.workload.test_from_graph import conv_graph


def test_fusion_is_written_and_taken_as_given(netwright, tmp_path):
    """The small graph fused; then the same groups as given, and an estimate of what was mapped."""
    path, file = tmp_path / "g.npz", tmp_path / "fused.toml"
    ir.save(conv_graph(), path)
    code, out, _ = netwright("map", path, "--mapper", "fusion", "--scratchpad", "4KiB",
                             "--write", file)  # fmt: skip
    assert code == 0
    assert "the least of the mapspace for this order" in out
    found = mapping.load(file)
    code, out, _ = netwright("map", path, "--mapper", "fusion", "--scratchpad", "4KiB",
                             "--fix", file, "--json")  # fmt: skip
    data = json.loads(out)
    assert code == 0
    assert [tuple(group["einsums"]) for group in data["groups"]] == [
        group.einsums for group in found.groups
    ]
    assert data["bytes"] <= data["unfused_bytes"]


def test_fusion_for_time_is_whole_and_reaches_the_estimate(netwright, tmp_path):
    """Units, arrays and lags are written; the estimate of the same file has the same time."""
    text = (
        "rank a = 4, b = 4\ninput A[a, b], B[b]\nT[a] = add(b: A[a, b] * B[b])\nE[a] = exp(T[a])\n"
    )
    source, file = tmp_path / "rows.einsum", tmp_path / "fused.toml"
    source.write_text(text)
    code, out, _ = netwright("map", source, "--mapper", "fusion", "--arch", "fusemax", "--goal",
                             "latency", "--write", file, "--json")  # fmt: skip
    data = json.loads(out)
    assert code == 0
    assert data["goal"] == "latency"
    assert mapping.load(file).bindings
    code, out, _ = netwright("estimate", source, "--arch", "fusemax", "--fix", file, "--json")
    assert json.loads(out)["total"]["seconds"] == pytest.approx(data["seconds"])
    code, _, err = netwright("map", source, "--goal", "energy")
    assert (code, err.splitlines()[0]) == (
        2, "error: --goal energy: the mapper cosma minimizes traffic"
    )  # fmt: skip


def test_operators_that_no_unit_does_are_told(netwright, tmp_path):
    source = tmp_path / "rows.einsum"
    source.write_text("rank a = 4\ninput A[a]\nB[a] = erf(A[a])\n")
    code, out, _ = netwright("map", source, "--mapper", "fusion", "--arch", "fusemax", "--goal",
                             "latency")  # fmt: skip
    assert code == 0
    assert "no unit does erf (square_elements does mac" in out


@pytest.mark.parametrize("more", [(), ("--mapper", "fusion")])
def test_the_whole_mapspace_is_asked_for_with_a_goal(netwright, tmp_path, more):
    path = tmp_path / "g.npz"
    ir.save(conv_graph(), path)
    code, _, error = netwright("map", path, "--whole", *more)
    assert code == 2
    assert "--whole is for --mapper fusion with --goal latency, energy or edp" in error


def test_products_that_no_unit_does_are_missing_in_totals_of_time(netwright, tmp_path):
    source, machine = tmp_path / "rows.einsum", tmp_path / "adds.toml"
    source.write_text(
        "rank a = 4, b = 4\ninput A[a, b], B[b]\nT[a] = add(b: A[a, b] * B[b])\nE = add(a: T[a])\n"
    )
    path = files("netwright.arch").joinpath("library/fusemax.toml")
    kept = [x for x in path.read_text().splitlines() if not x.startswith("mac = ")]
    machine.write_text("\n".join(kept))
    more = ("--arch", machine, "--goal", "latency")
    code, out, err = netwright("map", source, "--mapper", "fusion", *more)
    assert (code, err) == (1, "error: T is missing in the totals: no unit does mac\n")
    assert "0 % of the MACs" in out
    code, _, err = netwright("estimate", source, *more)
    assert (code, err) == (1, "error: T is missing in the totals: no unit does mac\n")
