from netwright.workload import NETWORKS, Builder, coverage, opaque_operators
from netwright.workload.coverage import share


def tiny():
    builder = Builder("tiny")
    x = builder.conv(builder.input((1, 3, 8, 8)), 4, 3)
    return builder.finish(builder.linear(builder.global_pool(x), 2))


def test_whole_network_is_covered():
    workload = tiny()
    found = coverage(workload, ())
    assert found.is_whole
    assert found.num_macs == found.all_macs == workload.num_macs
    assert found.num_bytes == found.all_bytes
    assert str(found) == "100 % of the MACs, 100 % of the bytes"


def test_missing_operator_is_named_and_counted():
    workload = tiny()
    conv = workload.einsums[0]
    found = coverage(workload, [(conv.name, "because")])
    assert not found.is_whole
    assert found.num_macs == workload.num_macs - conv.num_macs
    assert found.missing == ((conv.name, "because"),)
    assert str(found).endswith("of the bytes; 1 operator is missing")


def test_coverage_of_nothing_is_not_whole():
    workload = tiny()
    assert not coverage(workload, [(e.name, "x") for e in workload.einsums]).is_whole


def test_named_networks_have_no_opaque_operators():
    assert opaque_operators(NETWORKS["squeezenet"]()) == ()


def test_only_all_of_it_is_a_hundred_percent():
    assert share(10**9 - 1, 10**9) == "99.9 %"
    assert share(10**9, 10**9) == "100 %"
