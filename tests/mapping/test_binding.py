from __future__ import annotations

import pytest

from netwright import arch
from netwright.mapping.binding import binding_faults, branch_of, operators_of, work_of
from netwright.mapping.operation import is_operation
from netwright.workload import Builder, cascade
from tests.cost.attention import Sizes, one_pass, three_pass

B = Builder("net")
B.finish(B.activate(B.linear(B.pool(B.concat(B.input((1, 2, 4, 4))), 4, stride=4), 5)))
NET = B.finish()
CONCAT, POOL, LINEAR, ACT = NET.einsums
TWO = arch.find("fusemax")
EINSUMS = {
    einsum.name: einsum
    for workload in (one_pass(Sizes(1, 2, 4, 4, 2)), three_pass(Sizes(1, 2, 4, 4, 2)))
    for einsum in workload.einsums
}


def test_operators_of_an_einsum():
    assert operators_of(CONCAT) == ()
    assert operators_of(POOL) == ("max",)
    assert operators_of(LINEAR) == ("mac",)
    assert operators_of(ACT) == ACT.unary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A[m, k] * B[k, n]", ("mac",)),
        ("A[m, k] * B[k, n] * 0.5", ("mac",)),  # on the way out
        ("A[m, k] * B[k, n] * D[m, n]", ("mac",)),
        ("A[m, k] * B[k, n] * C[m, k]", ("multiply", "mac")),
        ("exp(A[m, k] * B[k, n])", ("multiply", "exp", "add")),
    ],
)
def test_operators_of_a_sum_of_products(text, expected):
    (einsum,) = sums(text).einsums
    assert operators_of(einsum) == expected
    assert is_operation(einsum) == ("exp" not in text)
    assert einsum.num_macs == (0 if "exp" in text else 64)


def sums(text: str):
    """A tensor that adds up a term."""
    names = ("A[m, k]", "B[k, n]", "C[m, k]", "D[m, n]")
    used = ", ".join(name for name in names if name in text)
    return cascade.parse(f"rank m = 8, k = 4, n = 2\ninput {used}\nT[m, n] = add(k: {text})\n")


def test_unit_must_do_the_operators():
    one = arch.find("tpu")
    (unit,) = one.units
    assert list(binding_faults(NET, one, {LINEAR.name: unit.name})) == []
    assert list(binding_faults(NET, one, {POOL.name: unit.name})) == [
        f'Einsum "{POOL.name}": {unit.name} does mac, not max'
    ]


def test_branch_is_that_of_the_binding_or_of_the_only_unit_that_can():
    names = [unit.name for unit in TWO.units if "mac" in unit.does]
    for name in names:
        found = branch_of(TWO, LINEAR, {LINEAR.name: name})
        assert found is not None
        assert found.path[-1].name == name
    alone = branch_of(TWO, LINEAR, {})
    assert (alone is None) == (len(names) > 1)
    assert branch_of(TWO, LINEAR, {LINEAR.name: "x"}) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("QK", ("mac",)), ("LM", ("max",)), ("RM", ("max",)), ("SLN", ("subtract", "exp")),
        ("SLD", ("add",)), ("SPD", ("multiply",)), ("RNV", ("add",)), ("AV", ("mac",)),
        ("A", ("divide",)), ("GM", ("max",)),
    ],
)  # fmt: skip
def test_operators_of_attention(name, expected):
    assert operators_of(EINSUMS[name]) == expected


def test_a_unit_that_does_two_operators_at_once():
    row = arch.find("flat").path_to("row_elements")[-1]
    other = arch.find("flat_one_pass").path_to("row_elements")[-1]
    assert work_of(EINSUMS["SN"], row) == ("subtract_then_exp",)
    assert work_of(EINSUMS["SN"], other) == ("subtract", "exp")
    assert work_of(EINSUMS["QK"], row) == ("mac",)
