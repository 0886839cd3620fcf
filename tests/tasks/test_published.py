from netwright.tasks import published_designs


def test_every_figure_says_that_it_is_published_where_and_with_which_tool():
    designs = published_designs("jets")
    assert len({design.name for design in designs}) == len(designs) >= 10
    for design in designs:
        assert 0.7 < design.accuracy.value < 0.8
        assert design.data in ("OpenML jets", "CERNBox jets")
        for figure in (design.accuracy, design.lut, design.latency, design.fmax):
            assert figure.fidelity == "published"
            assert figure.source.startswith("KANELÉ, FPGA 2026, table 3")
        for figure in (design.lut, design.latency, design.fmax):
            assert figure.source.endswith("AMD Vivado, place and route")
            assert figure.value > 0


def test_figures_are_those_of_the_table():
    rows = {design.name: design for design in published_designs("jets")}
    assert rows["KANELÉ"].lut.value == 1232
    assert rows["da4ml (HGQ)"].latency.value == 18.9
    assert rows["hls4ml (Fahim et al.)"].accuracy.value == 0.762


def test_a_task_without_published_designs_has_none():
    assert published_designs("clouds") == ()
