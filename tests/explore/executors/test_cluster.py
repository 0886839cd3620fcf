from __future__ import annotations

import pytest
from tests.explore.functions import SPACE, bowl

from netwright.errors import RunError
from netwright.explore import Function, Random, Search, result_digest
from netwright.explore.executors.cluster import Ray

pytest.importorskip("ray", reason="the extra ray is not installed")


@pytest.mark.slow
def test_a_cluster_gives_the_trials_of_this_process(tmp_path):
    search = Search(SPACE, Function(bowl), Random(), batch=6)
    found = search.run(trials=15, folder=tmp_path, executor=Ray(2))
    assert result_digest(found.trials) == result_digest(search.run(trials=15).trials)


@pytest.mark.slow
def test_no_cluster_at_an_address():
    search = Search(SPACE, Function(bowl), Random())
    with pytest.raises(RunError, match=r"127\.0\.0\.1:1: cannot be used"):
        search.run(trials=1, executor=Ray(address="127.0.0.1:1"))
