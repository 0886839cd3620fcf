from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.studies import data, table


def test_published_table_has_every_point():
    rows = table("fusemax", "tables.csv")
    assert list(rows[0])[:3] == ["configuration", "model", "tokens"]
    assert len({(r["configuration"], r["model"], r["tokens"]) for r in rows}) == len(rows) == 192


def test_missing_file_is_named():
    with pytest.raises(ConfigError, match='the study "fusemax" brings no file'):
        data("fusemax", "x.csv")
