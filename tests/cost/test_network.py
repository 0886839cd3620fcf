from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch, cost
from netwright.errors import GraphError, MappingError
from netwright.ir.einsums import lower
from netwright.mapping import Mapping, faults, fusion
from netwright.workload import (
    Access,
    Affine,
    Builder,
    Einsum,
    Rank,
    Tensor,
    Workload,
    cascade,
    fuse,
)
from netwright.workload.workload import BYTES
from tests.cost.small import one_memory


def network():
    b = Builder("net")
    x = b.activate(b.conv(b.input((1, 2, 6, 6)), 4, 3))
    y = b.conv(x, 4, 3)
    x = b.add(b.conv(y, 4, 3), y)
    return fuse(b.finish(b.linear(b.global_pool(x), 3)))


def test_equal_operations_are_searched_once():
    told = []
    found = cost.estimate_network(network(), one_memory(size=300),
                                  progress=lambda *step: told.append(step))  # fmt: skip
    names = [(layer.name, layer.engine, layer.same_as) for layer in found.layers]
    assert names == [
        ("conv0", "loopnest", ""), ("conv2", "loopnest", ""), ("conv3", "loopnest", "conv2"),
        ("add4", "stream", ""), ("mean5", "stream", ""), ("linear6", "loopnest", ""),
    ]  # fmt: skip
    assert found.is_optimal
    assert found.total.seconds == sum(layer.estimate.seconds for layer in found.layers)
    assert told[0] == (0, 6, "conv0")


def test_mapping_of_a_network_is_legal_and_names_every_tensor():
    workload, machine = network(), one_memory(size=300)
    mapping = cost.estimate_network(workload, machine).mapping
    assert faults(workload, machine, mapping) == ()
    assert list(mapping.nests) == ["conv0", "conv2", "conv3", "linear6"]
    assert {keep.tensor for keep in mapping.nests["conv3"].keeps} == {
        "conv2.out", "conv3.weight", "conv3.out",
    }  # fmt: skip
    assert [group.einsums for group in mapping.groups] == [("add4",), ("mean5",)]


def test_streamed_operator_moves_its_operands_once():
    found = cost.estimate_network(network(), one_memory(size=300))
    add = next(layer for layer in found.layers if layer.name == "add4").estimate
    assert add.bytes_moved == {"dram": 3 * 4 * 36}
    assert add.bound == "dram"


def test_what_cannot_be_counted_is_named():
    whole = network()
    first = replace(whole.einsums[0], map_op="opaque", reduce_op="none")
    found = cost.estimate_network(
        replace(whole, einsums=(first, *whole.einsums[1:])), one_memory(size=300)
    )
    assert found.left_out == (("conv0", '"opaque" is not a sum of products'),)
    assert not found.is_optimal
    assert found.coverage.num_bytes < found.coverage.all_bytes


def test_sums_that_are_no_plain_products():
    """A sum of exponentials streams; products of three need a unit that multiplies."""
    text = "rank a = 8, b = 4, c = 2\ninput A[a, b], B[b, c], C[a, b]\n"
    whole = cascade.parse(f"""{text}
        T[a, c] = add(b: exp(A[a, b] * B[b, c]))
        S[a, c] = add(b: A[a, b] * B[b, c] * C[a, b])
    """)
    found = cost.estimate_network(whole, one_memory(size=300))
    assert found.left_out == (("S", "no unit does multiply"),)
    assert any("no unit does" in line and "exp" in line for line in found.total.assumptions)
    able = cost.estimate_network(whole, arch.find("fusemax"))
    assert able.left_out == ()
    by_name = {layer.name: layer.estimate for layer in able.layers}
    assert by_name["T"].num_operations == 3 * 64
    assert cost.size_of(whole).num_macs == 64


def test_ranks_too_long_for_loop_nests_are_named():
    text = "input A[a, b], B[b]\nT[a] = add(b: A[a, b] * B[b])\nE[a] = exp(T[a])\n"
    found = cost.estimate_network(
        cascade.parse(f"rank a = {1 << 40}, b = 3\n{text}"), arch.find("fusemax")
    )
    assert found.left_out == ((
        "T", "a has 1099511627776 points; loop nests are counted step by step, "
        "for ranks of at most 1048576 points",
    ),)  # fmt: skip
    (one,) = found.layers
    assert one.estimate.num_operations == 1 << 40


def test_estimate_of_nothing_is_refused():
    """A product whose operand was reshaped: which elements meet is not known."""
    rank = (Rank("B", 2), Rank("M", 3), Rank("K", 4))
    reads = (
        Access("x", (Affine(()),) * 3),
        Access("w", (Affine((("M", 1),)), Affine((("K", 1),)))),
    )
    writes = Access("y", (Affine((("B", 1),)), Affine((("M", 1),))))
    product = Einsum("fc", rank, writes, reads, "multiply", (), "add")
    tensors = (Tensor("x", (2, 2, 2), BYTES, "input"), Tensor("w", (3, 4), BYTES, "weight"),
               Tensor("y", (2, 3)))  # fmt: skip
    workload = Workload("views", tensors, (product,), ("y",))
    with pytest.raises(GraphError, match='nothing of "views" can be estimated: all 1 operators'):
        cost.estimate_network(workload, one_memory(size=300))


def test_estimate_says_what_it_takes_for_granted():
    found = cost.estimate_network(network(), one_memory(size=300))
    assert found.coverage.is_whole
    assert "every element counts as 8 bits: the source says no widths" in found.total.assumptions


def able(**options):
    """The small machine, whose unit adds as well."""
    small = one_memory(**options)
    return small.with_changes("mac", {"operators": {n: arch.Operator() for n in ("mac", "add")}})


def test_given_nest_and_binding_are_taken():
    workload, machine = network(), one_memory(size=300)
    free = cost.estimate_network(workload, machine)
    nest = free.mapping.nests["conv2"]
    fixed = Mapping("fused", (), nests={"conv2": nest}, bindings={"conv2": "mac", "conv0": "mac"})
    found = cost.estimate_network(workload, machine, fixed=fixed)
    assert found.total.joules == free.total.joules
    layer = next(layer for layer in found.layers if layer.name == "conv2")
    assert layer.is_fixed
    assert layer.mapped is None
    short = replace(nest, loops=nest.loops[1:])
    with pytest.raises(MappingError, match='loop nest of "conv2"'):
        cost.estimate_network(workload, machine, fixed=replace(fixed, nests={"conv2": short}))


def test_what_a_group_keeps_on_the_chip_saves_time_and_energy():
    """The sum of two products never leaves: its bytes are gone from the outermost memory."""
    b = Builder("pair")
    x = b.input((8, 6))
    workload = fuse(b.finish(b.add(b.linear(x, 4), b.linear(x, 4))))
    machine = able(size=300)
    free = cost.estimate_network(workload, machine)
    fixed = fusion(workload, machine).mapping
    (group,) = fixed.groups
    found = cost.estimate_network(workload, machine, fixed=fixed)
    assert [layer.engine for layer in found.layers] == ["pipeline"]
    assert found.layers[0].name == group.name
    saved = 2 * (8 * 4 + 8 * 4)  # both products written and read
    assert found.total.bytes_moved["dram"] <= free.total.bytes_moved["dram"] - saved
    assert found.total.joules_by["dram"] < free.total.joules_by["dram"]
    assert found.total.num_operations >= free.total.num_operations
    assert faults(workload, machine, found.mapping) == ()


RUNNING = """
rank m = 6, p = 4
input X[m, p]
initial R = 0
R[m + 1, p] = R[m, p] + X[m, p]
Y[p] = max(m: X[m, p])
Z[m, p] = X[m, p] * X[m, p]
"""


def test_einsums_that_read_each_other_run_point_by_point():
    running = cascade.parse(RUNNING)
    found = cost.estimate_network(running, one_memory(size=300))
    assert sorted(layer.name for layer in found.layers) == ["R", "Y", "Z"]
    assert found.coverage.is_whole
    (told,) = (line for line in found.total.assumptions if "no unit does" in line)
    assert told.startswith("no unit does add, max")
    assert "they take the time and energy of their bytes alone" in told
    (moved,) = (layer.estimate for layer in found.layers if layer.name == "R")
    assert moved.num_operations == 0
    assert moved.joules > 0
    *above, unit = one_memory(size=300).nodes
    does = {name: arch.Operator() for name in ("mac", "add", "max", "multiply")}
    adder = unit.model_copy(update={"operators": does})
    machine = one_memory(size=300).model_copy(update={"nodes": (*above, adder)})
    counted = cost.estimate_network(running, machine)
    (group,) = (layer for layer in counted.layers if layer.engine == "pipeline")
    assert (group.name, group.is_fixed, counted.left_out) == ("R", False, ())
    (told,) = (line for line in counted.total.assumptions if "point by point" in line)
    assert "on one copy of its unit, with operands in dram" in told
    given = cost.estimate_network(running, machine, fixed=counted.mapping)
    assert not any("point by point" in line for line in given.total.assumptions)
    assert not faults(running, machine, counted.mapping)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize(("channels", "filters"), [(1, 1), (3, 6)])
def test_products_count_with_one_weight_and_with_a_bias(channels, filters, has_bias):
    source = lower.Operand("x", (1, channels, 8, 8))
    weight = lower.Operand("w", (filters, channels, 1, 1))
    made = lower.Operand("y", (1, filters, 8, 8))
    bias = lower.Operand("b", (filters,)) if has_bias else None
    windows = lower.Windows((1, 1), (1, 1), (0, 0), (1, 1))
    steps = lower.convolution("conv", source, weight, made, windows, bias=bias)
    shapes = {"x": source.shape, "w": weight.shape, "y": made.shape}
    shapes |= {"b": (filters,), "conv.out": made.shape} if has_bias else {}
    kinds = {"x": "input", "w": "weight", "b": "weight"}
    tensors = tuple(
        Tensor(name, shape, kind=kinds.get(name, "activation")) for name, shape in shapes.items()
    )
    plain = Workload("one", tensors, tuple(steps), ("y",))
    macs, results = channels * filters * 64, filters * 64
    moved = channels * 64 + filters * channels + results
    apart = has_bias * (2 * results + filters)  # the bias adds in a step of its own
    for version, extra in ((plain, apart), (fuse(plain), 0)):
        found = cost.estimate_network(version, arch.find("nvdla"))
        assert cost.size_of(version).num_macs == found.total.num_operations == macs
        assert found.total.bytes_moved["dram"] == moved + extra
        assert found.coverage.num_macs == found.coverage.all_macs == macs


def test_time_limit_is_that_of_all_searches_together(monkeypatch):
    """Four distinct products share four seconds of a clock that stands still: one each."""
    b = Builder("chain")
    x = b.input((8, 8))
    for width in (16, 24, 16, 32):
        x = b.linear(x, width)
    workload = b.finish(x)
    given: list[float | None] = []

    def searched(*args, **options):
        given.append(options["time_limit_s"])
        return cost.search(*args, **{**options, "time_limit_s": None})

    monkeypatch.setattr("netwright.cost.network.search", searched)
    monkeypatch.setattr("netwright.cost.network.monotonic", lambda: 7.0)
    cost.estimate_network(workload, arch.find("scratchpad"), time_limit_s=4.0)
    assert given == [1.0, 4 / 3, 2.0, 4.0]
