import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.reuse import (
    Tiling,
    accepted,
    fitting,
    product_shape,
    reuse_faults,
    tilings,
)
from netwright.errors import ConfigError
from tests.backends.rtl.graphs import images, two_layers


def test_inputs_are_divided_before_outputs() -> None:
    tiling = Tiling(groups=1, inputs=6, outputs=4, reuse_factor=12)
    assert (tiling.steps, tiling.rounds) == (6, 2)
    assert (tiling.inputs_per_clock, tiling.outputs_per_clock, tiling.multipliers) == (1, 2, 2)
    assert Tiling(3, 6, 4, 2).multipliers == 3 * 3 * 4


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 3), (6, 4), (9, 5), (1, 8)])
def test_every_accepted_factor_divides_all_products(inputs: int, outputs: int) -> None:
    for factor in accepted(inputs, outputs):
        tiling = Tiling(1, inputs, outputs, factor)
        assert tiling.steps * tiling.inputs_per_clock == inputs
        assert tiling.rounds * tiling.outputs_per_clock == outputs
        assert tiling.multipliers * factor == inputs * outputs


def test_nodes_that_are_not_named_are_not_divided() -> None:
    found = tilings(two_layers(), {"matmul_3": 5})
    assert {name: tiling.reuse_factor for name, tiling in found.items()} == {
        "matmul_1": 1, "matmul_3": 5,
    }  # fmt: skip


def test_shapes_of_grouped_convolutions() -> None:
    graph = images()
    assert product_shape(graph.node("conv_1"), graph) == (1, 18, 4)
    assert product_shape(graph.node("conv_3"), graph) == (4, 4, 1)


def test_factors_that_do_not_divide() -> None:
    with pytest.raises(ConfigError) as caught:
        tilings(two_layers(), 4)
    assert str(caught.value) == (
        'reuse_factor of "matmul_1" must be a divisor of its 6 inputs times one of its 5 outputs, '
        'such as 3 or 5, not 4; reuse_factor of "matmul_3" must be a divisor of its 5 inputs times '
        "one of its 3 outputs, such as 3 or 5, not 4"
    )


def test_factors_beyond_the_products() -> None:
    with pytest.raises(ConfigError) as caught:
        tilings(two_layers(), {"matmul_3": 10**9})
    assert str(caught.value) == (
        'reuse_factor of "matmul_3" must be a divisor of its 5 inputs times one of its 3 outputs, '
        "such as 15, not 1000000000"
    )


def test_names_that_are_no_products() -> None:
    with pytest.raises(ConfigError) as caught:
        tilings(two_layers(), {"fc1": 2})
    assert str(caught.value) == (
        'reuse_factor names "fc1", which is no product with weights ("matmul_1", "matmul_3")'
    )


@pytest.mark.parametrize("value", [0, -2, True, 2.0, "4"])
def test_values_that_are_no_factors(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(reuse_factor=value)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"reuse_factor must be 1 or more, such a number for each node, or None, not {value!r}"
    )
    assert list(reuse_faults({"fc": value})) == [
        f'reuse_factor of "fc" must be 1 or more, not {value!r}'
    ]


def test_the_smallest_factors_that_fit() -> None:
    graph = two_layers()  # 6 x 5 and 5 x 3
    assert fitting(graph, 45) == 1
    assert fitting(graph, 20) == {"matmul_1": 2, "matmul_3": 3}
    assert fitting(graph, 15) == 3
    assert fitting(graph, 4) == {"matmul_1": 10, "matmul_3": 15}
    assert fitting(graph, 2) == {"matmul_1": 30, "matmul_3": 15}
    assert fitting(graph, 1) is None
