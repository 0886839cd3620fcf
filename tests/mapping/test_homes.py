from netwright.mapping import Mapping, Residency
from netwright.mapping.homes import homes
from netwright.workload import Builder, fuse


def test_a_step_has_a_home_where_all_its_operands_stay():
    b = Builder("two")
    x = b.conv(b.input((1, 2, 4, 4)), 2, 3)
    workload = fuse(b.finish(b.conv(x, 2, 3)))
    (first, second), inputs = [e.name for e in workload.einsums], workload.einsums[0].reads
    x = next(name for name in inputs if workload.by_name[name].kind != "weight")
    middle, last = (e.output.tensor for e in workload.einsums)

    def at(*stays, weights=False):
        rows = tuple(Residency(name, memory, *steps, 0) for name, memory, *steps in stays)
        order = (first, second)
        return homes(workload, Mapping("fused", order, rows, places_weights=weights))

    whole = (x, "pad", 0, 0), (middle, "pad", 0, 1), (last, "pad", 1, 1)
    assert at(*whole) == {first: "pad", second: "pad"}
    assert at(*whole[:2]) == {first: "pad"}
    assert at((x, "pad", 0, 0), (middle, "other", 0, 1), (last, "other", 1, 1)) == {second: "other"}
    assert at(*whole, weights=True) == {}
