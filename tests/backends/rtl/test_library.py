"""Every module of the library for streams, alone, against a few lines of Python."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from netwright.ir.ops.conv import windows
from tests.backends.rtl.bench import Bench, Instance
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]

TAKES = {"x_valid": 1, "x_data": 4, "room": 1}
GIVES = {"x_ready": 1, "take": 1, "y_valid": 1}
IMAGE = {
    "BITS": 4, "FILL": "4'd9", "HEIGHT": 4, "WIDTH": 5, "PAD_TOP": 1, "PAD_BOTTOM": 0,
    "PAD_LEFT": 0, "PAD_RIGHT": 2, "KERNEL_HEIGHT": 2, "KERNEL_WIDTH": 3, "STRIDE_HEIGHT": 1,
    "STRIDE_WIDTH": 2, "DILATION_HEIGHT": 2, "DILATION_WIDTH": 1,
}  # fmt: skip
MAC = {
    "GROUPS": 2, "CHANNELS": 2, "INPUTS": 2, "STEPS": 2, "OUTPUTS": 1, "ROUNDS": 2, "X_BITS": 3,
    "X_SIGNED": 0, "W_BITS": 3, "BIAS_BITS": 5, "ACC_BITS": 8, "LEVELS_PER_STAGE": 1,
    "ROUND_BITS": 1, "CLOCK_BITS": 2,
}  # fmt: skip
QUEUE = {"take": 1, "x_valid": 1, "x_data": 8, "y_ready": 1}
QUEUED = {"room": 1, "y_valid": 1, "y_data": 8}
INSTANCES = (
    Instance(
        "fifo", "credit_fifo", {"BITS": 8, "DEPTH": 3},
        QUEUE, QUEUED,
    ),
    Instance(
        "one", "credit_fifo", {"BITS": 8, "DEPTH": 1},
        QUEUE, QUEUED,
    ),
    Instance(
        "fork", "stream_fork", {"N": 3}, {"x_valid": 1, "y_ready": 3}, {"x_ready": 1, "y_valid": 3}
    ),
    Instance(
        "join", "stream_join", {"N": 2}, {"x_valid": 2, "room": 1}, {"x_ready": 2, "take": 1},
        clocked=False,
    ),
    Instance(
        "serializer", "serializer", {"BITS": 4, "BEATS": 3},
        {"x_valid": 1, "x_data": 12, "y_ready": 1}, {"x_ready": 1, "y_valid": 1, "y_data": 4},
    ),
    Instance("gather", "gather", {"BITS": 4, "BEATS": 3}, TAKES, {**GIVES, "y_data": 12}),
    Instance("window", "window_buffer", IMAGE, TAKES, {**GIVES, "y_data": 24}),
    Instance(
        "axis", "window_axis",
        {"EXTENT": 4, "BEFORE": 2, "AFTER": 1, "SPAN": 3, "STRIDE": 2, "PLACE_BITS": 3},
        {"advance": 1}, {"place": 3, "is_real": 1, "selected": 1, "first": 1, "last": 1},
    ),
    Instance(
        "steps", "mac_steps",
        {"STEPS": 2, "ROUNDS": 3, "STEP_BITS": 1, "ROUND_BITS": 2, "CLOCK_BITS": 3},
        {"x_valid": 1, "room": 1},
        {"x_ready": 1, "take": 1, "active": 1, "first": 1, "last": 1, "done": 1, "step": 1,
         "round": 2, "count": 3},
    ),
    Instance(
        "mac", "mac_array", MAC, {"x_valid": 1, "x_data": 24, "room": 1, "weights": 12, "bias": 10},
        {"x_ready": 1, "take": 1, "round": 1, "count": 2, "y_valid": 1, "y_data": 32},
    ),
    Instance(
        "tree", "sum_tree", {"N": 5, "BITS": 4, "SUM_BITS": 7, "LEVELS_PER_STAGE": 2}, {"x": 20},
        {"sum": 7}, resets=False,
    ),
    Instance(
        "total", "accumulator", {"BITS": 8, "BIAS_BITS": 4}, {"first": 1, "bias": 4, "x": 8},
        {"total": 8}, resets=False,
    ),
    Instance("delay", "delay_line", {"BITS": 3, "STAGES": 2}, {"x": 3}, {"y": 3}),
    Instance("wire", "delay_line", {"BITS": 3, "STAGES": 0}, {"x": 3}, {"y": 3}),
    Instance(
        "rom", "weight_rom",
        {"BITS": 6, "DEPTH": 3, "ADDRESS_BITS": 2, "CONTENTS": "{6'd33, 6'd2, 6'd61}"},
        {"address": 2}, {"word": 6}, resets=False,
    ),
    Instance(
        "ram", "weight_ram",
        {"BITS": 5, "LANES": 3, "DEPTH": 4, "ADDRESS_BITS": 2, "LANE_BITS": 2},
        {"write": 1, "write_lane": 2, "write_address": 2, "write_data": 5, "address": 2},
        {"word": 15}, resets=False,
    ),
    Instance(
        "word_of_5", "word_select", {"COUNT": 5, "BITS": 8}, {"words": 40, "place": 16},
        {"word": 8}, clocked=False,
    ),
    Instance(
        "word_of_60", "word_select", {"COUNT": 60, "BITS": 1}, {"words": 60, "place": 16},
        {"word": 1}, clocked=False,
    ),
    Instance(
        "larger", "maximum", {"A_BITS": 3, "A_SIGNED": 1, "B_BITS": 4, "B_SIGNED": 0, "Y_BITS": 4},
        {"a": 3, "b": 4}, {"y": 4}, clocked=False,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(INSTANCES, tmp_path_factory.mktemp("bench"))


def pieces(word: int, bits: int, count: int) -> list[int]:
    return [word >> (bits * i) & ((1 << bits) - 1) for i in range(count)]


def packed(values: list[int], bits: int) -> int:
    return sum((value & ((1 << bits) - 1)) << (bits * i) for i, value in enumerate(values))


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


@pytest.mark.parametrize(("name", "depth"), [("fifo", 3), ("one", 1)])
def test_credit_fifo_keeps_order_and_never_promises_too_much(
    bench: Bench, name: str, depth: int
) -> None:
    random = np.random.default_rng(1)
    coming: deque[int] = deque([-1, -1])  # data follow two clocks after their place was claimed
    stored: deque[int] = deque()
    sent = received = 0
    for _ in range(600):
        promised = sum(value >= 0 for value in coming) + len(stored)
        assert bench.get(name, "room") == (promised < depth)
        assert bench.get(name, "y_valid") == bool(stored)
        if stored:
            assert bench.get(name, "y_data") == stored[0]
        take = promised < depth and random.random() < 0.7
        coming.append(sent % 256 if take else -1)
        sent += take
        arriving, ready = coming.popleft(), random.random() < 0.5
        bench.put(name, take=take, x_valid=arriving >= 0, x_data=arriving, y_ready=ready)
        if ready and stored:
            stored.popleft()
            received += 1
        if arriving >= 0:
            stored.append(arriving)
        bench.clock()
    assert received > 100
    bench.put(name, take=0, x_valid=0, y_ready=0)


def test_stream_fork_serves_every_reader_once(bench: Bench) -> None:
    random = np.random.default_rng(2)
    served, beats = 0, 0
    bench.put("fork", x_valid=1)
    for _ in range(300):
        ready = int(random.integers(0, 8))
        bench.put("fork", y_ready=ready)
        assert bench.get("fork", "y_valid") == 7 & ~served
        done = served | ready
        assert bench.get("fork", "x_ready") == (done == 7)
        served = 0 if done == 7 else done
        beats += done == 7
        bench.clock()
    assert beats > 50
    bench.put("fork", x_valid=0)


def test_stream_join_waits_for_all(bench: Bench) -> None:
    for valid in range(4):
        for room in range(2):
            bench.put("join", x_valid=valid, room=room)
            fires = valid == 3 and room == 1
            assert bench.get("join", "take") == fires
            assert bench.get("join", "x_ready") == (3 if fires else 0)


def test_serializer_keeps_the_word_until_its_last_beat(bench: Bench) -> None:
    random, got = np.random.default_rng(3), []
    for number in range(5):
        word = packed([number, number + 1, number + 2], 4)
        bench.put("serializer", x_valid=1, x_data=word)
        while len(got) < 3 * (number + 1):
            ready = random.random() < 0.5
            bench.put("serializer", y_ready=ready)
            assert bench.get("serializer", "y_valid") == 1
            last = len(got) % 3 == 2
            assert bench.get("serializer", "x_ready") == (ready and last)
            if ready:
                got.append(bench.get("serializer", "y_data"))
            bench.clock()
    assert got == [number + i for number in range(5) for i in range(3)]
    bench.put("serializer", x_valid=0, y_ready=0)


def driven(bench: Bench, name: str, beats: list[int], results: int) -> Iterator[int]:
    """Feed beats with random gaps and lack of room; give what comes out."""
    random, sent, found = np.random.default_rng(4), 0, 0
    offered = False
    for _ in range(4000):
        offered = offered or (sent < len(beats) and random.random() < 0.7)
        room = random.random() < 0.7
        bench.put(name, x_valid=offered, x_data=beats[sent] if offered else 0, room=room)
        assert room or not bench.get(name, "take")
        if offered and bench.get(name, "x_ready"):
            sent, offered = sent + 1, False
        bench.clock()
        if bench.get(name, "y_valid"):
            found += 1
            yield bench.get(name, "y_data")
        if found == results:
            break
    assert (sent, found) == (len(beats), results)
    bench.put(name, x_valid=0, room=0)


def test_gather_puts_the_first_beat_lowest(bench: Bench) -> None:
    beats = list(range(12))
    assert list(driven(bench, "gather", beats, 4)) == [
        packed(beats[i : i + 3], 4) for i in range(0, 12, 3)
    ]


def test_window_buffer_makes_the_windows_of_several_images(bench: Bench) -> None:
    images = np.random.default_rng(5).integers(0, 16, (3, 1, 4, 5))
    expected = windows(
        images, (2, 3), strides=(1, 2), pads=(1, 0, 0, 2), dilations=(2, 1), fill=9
    ).reshape(-1, 6)
    found = list(driven(bench, "window", images.ravel().tolist(), len(expected)))
    assert [pieces(word, 4, 6) for word in found] == expected.tolist()


def test_window_axis_counts_places(bench: Bench) -> None:
    for _ in range(2):
        for place in range(7):
            bench.put("axis", advance=1)
            assert bench.get("axis", "place") == place
            assert bench.get("axis", "is_real") == (2 <= place < 6)
            assert bench.get("axis", "selected") == (place in (2, 4, 6))
            assert bench.get("axis", "first") == (place == 0)
            assert bench.get("axis", "last") == (place == 6)
            bench.clock()
    bench.put("axis", advance=0)


def test_mac_steps_holds_the_beat_for_all_clocks(bench: Bench) -> None:
    bench.put("steps", x_valid=1, room=0)
    assert bench.get("steps", "active") == 0
    bench.put("steps", room=1)
    for count in range(6):
        assert bench.get("steps", "take") == (count == 0)
        assert [bench.get("steps", port) for port in ("count", "round", "step")] == [
            count, count // 2, count % 2,
        ]  # fmt: skip
        assert bench.get("steps", "x_ready") == bench.get("steps", "done") == (count == 5)
        bench.clock()
        bench.put("steps", room=count == 4)
    bench.put("steps", x_valid=0, room=0)
    assert bench.get("steps", "active") == 0


def test_mac_array_multiplies_by_groups(bench: Bench) -> None:
    """Two groups, two positions of two channels each, two rounds of one output."""
    random = np.random.default_rng(6)
    for _ in range(20):
        x = random.integers(0, 8, (2, 2, 2))  # position, group, channel
        weights = random.integers(-4, 4, (2, 2, 2, 2))  # round, step, group, channel
        bias = random.integers(-16, 16, (2, 2))  # round, group
        bench.put("mac", x_valid=1, room=1, x_data=packed(x.ravel().tolist(), 3))
        clocks = 0
        while not bench.get("mac", "y_valid"):
            count, place = bench.get("mac", "count"), bench.get("mac", "round")
            held = bench.get("mac", "x_ready")
            bench.clock()
            word = weights[count // 2, count % 2]
            bench.put(
                "mac",
                x_valid=0 if held or clocks >= 4 else 1,
                weights=packed(word.ravel().tolist(), 3),
                bias=packed(bias[place].tolist(), 5),
            )
            clocks += 1
        assert clocks == 4 + 2 + 1  # reuse factor, fixed stages, one register in the tree
        expected = np.einsum("pgc,rpgc->gr", x, weights) + bias.T
        found = [signed(value, 8) for value in pieces(bench.get("mac", "y_data"), 8, 4)]
        assert found == [signed(v & 255, 8) for v in expected.ravel().tolist()]
        bench.clock()


def test_sum_tree_adds_five_terms_in_two_stages(bench: Bench) -> None:
    terms = np.random.default_rng(7).integers(-8, 8, (30, 5))
    for number, row in enumerate(terms):
        bench.put("tree", x=packed(row.tolist(), 4))
        bench.clock()
        assert signed(bench.get("tree", "sum"), 7) == terms[number].sum()


def test_accumulator_begins_at_the_bias(bench: Bench) -> None:
    total = 0
    for number, x in enumerate([5, -7, 100, 3, 4, 5]):
        first = number % 3 == 0
        bench.put("total", first=first, bias=-3, x=x)
        total = x - 3 if first else total + x
        assert signed(bench.get("total", "total"), 8) == total
        bench.clock()


def test_delay_line(bench: Bench) -> None:
    values = [5, 2, 7, 1, 0, 3]
    for number, value in enumerate(values):
        bench.put("delay", x=value)
        bench.put("wire", x=value)
        assert bench.get("wire", "y") == value
        if number >= 2:
            assert bench.get("delay", "y") == values[number - 2]
        bench.clock()


def test_weight_rom_answers_one_clock_later(bench: Bench) -> None:
    for address, word in enumerate([61, 2, 33]):
        bench.put("rom", address=address)
        bench.clock()
        assert bench.get("rom", "word") == word


def test_weight_ram_writes_one_lane(bench: Bench) -> None:
    values = np.random.default_rng(8).integers(0, 32, (4, 3))
    for place in range(4):
        for lane in range(3):
            bench.put("ram", write=1, write_lane=lane, write_address=place,
                      write_data=int(values[place, lane]))  # fmt: skip
            bench.clock()
    bench.put("ram", write=0, write_data=0)
    for place in range(4):
        bench.put("ram", address=place)
        bench.clock()
        assert pieces(bench.get("ram", "word"), 5, 3) == values[place].tolist()


@pytest.mark.parametrize(("name", "bits"), [("word_of_5", 8), ("word_of_60", 1)])
def test_a_word_is_chosen_within_blocks_and_among_them(bench: Bench, name: str, bits: int) -> None:
    count = int(name.rpartition("_")[2])
    words = np.random.default_rng(4).integers(0, 1 << bits, count).tolist()
    bench.put(name, words=packed(words, bits))
    for place, word in enumerate(words):
        bench.put(name, place=place)
        assert bench.get(name, "word") == word


def test_maximum_of_a_signed_and_an_unsigned_value(bench: Bench) -> None:
    for a in range(-4, 4):
        for b in range(16):
            bench.put("larger", a=a, b=b)
            assert bench.get("larger", "y") == max(a, b)
