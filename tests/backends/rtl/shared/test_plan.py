import pytest

from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.errors import DoesNotFit
from tests.backends.rtl.shared.graphs import every_kind, tiny


def test_the_hardware_is_as_large_as_the_graph_needs() -> None:
    sizes = planned(tiny(), SharedOptions(4, 2, 2)).sizes
    assert (sizes.layers, sizes.weight_rows, sizes.table_rows) == (2, 2 + 4, 2 + 2)
    assert sizes.feature_words == 64


def test_or_as_large_as_was_asked_for() -> None:
    options = SharedOptions(4, 2, 2, layers=9, weight_rows=99, table_rows=8, feature_words=1000)
    sizes = planned(tiny(), options).sizes
    assert (sizes.layers, sizes.weight_rows, sizes.table_rows) == (9, 99, 8)
    assert sizes.feature_words == 1024


def test_the_first_resource_that_is_exceeded() -> None:
    with pytest.raises(DoesNotFit) as caught:
        planned(every_kind(), SharedOptions(4, 2, 2, weight_rows=20, feature_words=64))
    assert (caught.value.resource, caught.value.available) == ("weight_rows", 20)
    assert str(caught.value) == (
        f'design "kinds" does not fit an accelerator of 4 x 2 x 2: it needs '
        f"{caught.value.needed} weight_rows, and there are 20\n"
        "hint: raise weight_rows, or leave it out for as many as the graph needs, at most 65,536; "
        "it also needs 112 feature_words, and there are 64"
    )
