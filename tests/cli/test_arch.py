from __future__ import annotations

import json

import pytest

from netwright import arch


def test_list_names_every_machine(netwright):
    code, out, _ = netwright("arch", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(arch.names())
    code, out, _ = netwright("arch", "list", "--json")
    assert [row["name"] for row in json.loads(out)] == list(arch.names())


def test_show_draws_a_tree(netwright, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    picture = tmp_path / "tpu.png"
    code, out, _ = netwright("arch", "show", "tpu", "--picture", picture)
    assert code == 0
    assert out.startswith("TPU-like weight-stationary array, 32 x 32 elements\nmemory dram: ")
    assert out.endswith(f"picture: {picture}\n")
    assert picture.exists()


def test_show_names_missing_figures(netwright, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\n[[nodes]]\nkind = "memory"\nname = "dram"\n')
    code, out, _ = netwright("arch", "show", path)
    assert code == 0
    assert "an estimate needs a node of kind compute" in out


def test_show_as_json_is_the_file(netwright):
    code, out, _ = netwright("arch", "show", "nvdla", "--json")
    assert code == 0
    assert arch.Architecture.model_validate_json(out) == arch.find("nvdla")


def test_other_picture_is_refused(netwright):
    code, _, err = netwright("arch", "show", "tpu", "--picture", "a.pdf")
    assert code == 2
    assert 'must end in .svg or .png, not ".pdf"' in err
