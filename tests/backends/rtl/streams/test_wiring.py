from netwright.backends.rtl.streams.network import Fork, Join, Network, Window
from netwright.backends.rtl.streams.timing import schedule
from netwright.backends.rtl.streams.wiring import row_interval, wire_up
from tests.backends.rtl.streams.networks import network, unit

WINDOW = Window((1, 6), (0, 1), (0, 1), (1, 3), (1, 1), (1, 1), 0)


def residual() -> Network:
    parts = [unit("w", "a", WINDOW), unit("j", ["w_out", "a"], Join())]
    return network({"a": 6, "w_out": 6, "j_out": 6}, parts, "a", "j_out")


def test_a_stream_with_two_readers_is_forked() -> None:
    wired = wire_up(residual())
    assert [part.name for part in wired.parts] == ["a__fork", "w", "a__to_1__delay", "j"]
    assert wired.parts[0] == Fork("a__fork", ("a",), ("a__to_0", "a__to_1"))
    assert wired.parts[-1].inputs == ("w_out", "a__to_1__delayed")


def test_every_stream_has_one_reader() -> None:
    wired = wire_up(residual())
    read = [name for part in wired.parts for name in part.inputs]
    read += [terminal.stream.name for terminal in wired.outputs]
    assert sorted(read) == sorted(wired.streams)


def test_queues_before_a_join_reach_the_full_rate() -> None:
    wired = wire_up(residual())
    assert row_interval(wired) == 8
    assert schedule(wired).interval_cycles == 8


def test_an_output_that_is_read_inside_is_forked_too() -> None:
    parts = [unit("u", "a", Join()), unit("v", ["u_out"], Join())]
    wired = wire_up(network({"a": 1, "u_out": 1, "v_out": 1}, parts, "a", "u_out v_out"))
    assert [terminal.stream.name for terminal in wired.outputs] == ["u_out__to_1", "v_out"]
