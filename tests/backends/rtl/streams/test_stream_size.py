import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.reuse import tilings
from netwright.backends.rtl.streams.stream_size import advice, operations
from netwright.errors import GraphError
from tests.backends.rtl.graphs import images, two_layers


def test_multipliers_and_elements_of_one_beat() -> None:
    graph = images()
    counts = operations(graph, tilings(graph, {"conv_1": 12, "conv_3": 2}), loadable=False)
    assert counts["conv_1"] == 2 * 9 * 4 // 12
    assert counts["conv_3"] == 4 * 4 // 2
    assert counts["maxpool_5"] == 4 * 4
    assert counts["requantize_2"] == 4
    assert counts["reshape_7"] == 0


def test_what_fits_is_said() -> None:
    graph = two_layers()  # 5 requantizers beside the products
    assert advice(graph, 50) == "use --reuse-factor 1 (reuse_factor=1), or raise max_operations"
    assert advice(graph, 7) == (
        "use --reuse-factor matmul_1=30,matmul_3=15 "
        '(reuse_factor={"matmul_1": 30, "matmul_3": 15}), or raise max_operations'
    )
    assert advice(graph, 3) == "raise max_operations; no reuse_factor is enough"


@pytest.mark.parametrize("reuse_factor", [None, 1])
def test_the_advice_is_accepted(tmp_path: object, reuse_factor: int | None) -> None:
    with pytest.raises(GraphError) as caught:
        rtl(max_operations=7, reuse_factor=reuse_factor).generate(two_layers(), f"{tmp_path}/out")
    assert "use --reuse-factor matmul_1=30,matmul_3=15 (" in str(caught.value)
    factors = {"matmul_1": 30, "matmul_3": 15}
    rtl(max_operations=7, reuse_factor=factors).generate(two_layers(), f"{tmp_path}/out")
