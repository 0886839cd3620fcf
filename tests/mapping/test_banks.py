from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost.events import execute, judged
from netwright.errors import ConfigError, Infeasible
from netwright.exchange.find import find_workload
from netwright.mapping import Banks, faults, load, place, write
from netwright.workload import decoder
from netwright.workload.builder import Builder


def dense(*sizes):
    b = Builder("dense", bits=16)
    x = b.input((1, 1, sizes[0]))
    for size in sizes[1:]:
        x = b.linear(x, size)
    return b.finish(x)


def machine(**settings):
    found = arch.find("gddr6-aim")
    dram = found.memories[0].dram.model_copy(update=settings)
    return found.with_changes("banks", {"dram": dram})


def test_tensors_lie_one_after_the_other():
    workload = dense(1024, 4096, 1024)
    mapping = place(workload, machine())
    first, second = mapping.layouts
    assert (first.first_row, first.num_rows, first.per_bank) == (0, 32, 32)
    assert (second.first_row, second.num_rows, second.per_bank) == (32, 32, 8)
    assert faults(workload, machine(), mapping) == ()


def test_tensors_beyond_the_capacity_are_refused_with_the_size_that_would_do():
    with pytest.raises(Infeasible) as caught:
        place(dense(1024, 4096, 1024), machine(rows=40))
    assert caught.value.message == (
        'the tensors of "dense" need 64 rows of each bank, and "banks" of gddr6-aim has 40: '
        "0.0156 GiB of 0.00977 GiB"
    )
    assert caught.value.smallest == 64 * 128 * 2048
    assert caught.value.hint == "64 rows would do, or 13 channels"


def test_unbalanced_vectors_fill_rows_first():
    even, uneven = (place(dense(64, 128), machine(), Banks(balanced=b)) for b in (True, False))
    assert [even.layouts[0].channels, uneven.layouts[0].channels] == [8, 1]
    assert [even.layouts[0].per_bank, uneven.layouts[0].per_bank] == [1, 16]


def test_vectors_that_share_no_rows_need_more_of_them():
    packed, alone = (place(dense(64, 2048), machine(), Banks(packed=p)) for p in (True, False))
    assert [packed.layouts[0].num_rows, alone.layouts[0].num_rows] == [1, 16]


def test_long_vectors_are_cut_or_refused():
    assert place(dense(2000, 64), machine()).layouts[0].piece == 1024
    with pytest.raises(Infeasible) as caught:
        place(dense(2000, 64), machine(), Banks(chunked=False))
    assert caught.value.message == (
        '"linear0" adds up 2000 elements, and "channel_buffer" holds 1024'
    )


def test_layouts_are_written_and_read(tmp_path):
    mapping = place(dense(64, 128), machine())
    (tmp_path / "m.toml").write_text(write(mapping))
    assert load(tmp_path / "m.toml") == mapping


def test_machine_without_units_is_refused():
    with pytest.raises(ConfigError) as caught:
        place(dense(4, 4), arch.find("ddr4-3200"))
    assert caught.value.message == 'architecture "ddr4-3200" has no unit beside its banks'


def attends(tokens):
    b = Builder("attends", bits=16)
    return b.finish(b.attention(b.input((1, 1, 128)), 2, cached=tokens))


def test_room_is_kept_for_tokens_to_come():
    workload = attends(64)
    tight, roomy = (place(workload, machine(), Banks(tokens=tokens)) for tokens in (0, 3000))
    caches = {t.part_of for t in workload.tensors if t.part_of}
    keys, values = (own for own in roomy.layouts if own.tensor in caches)
    assert (keys.length, keys.per_bank, keys.num_rows) == (64, 24, 3)  # 2 heads, 128 banks
    assert (values.length, values.piece) == (3000, 1024)
    assert sum(own.num_rows for own in tight.layouts) < sum(own.num_rows for own in roomy.layouts)
    assert faults(workload, machine(), roomy) == ()
    done = [execute(workload, machine(), mapping) for mapping in (tight, roomy)]
    assert done[0].outcome.issued("mac_all") == done[1].outcome.issued("mac_all")
    assert done[0].outcome.issued("write") <= done[1].outcome.issued("write")


@pytest.mark.parametrize("rule", ["balanced", "packed", "key_rows", "value_columns"])
def test_every_rule_can_be_switched_off(rule):
    workload = attends(200)
    whole = execute(workload, machine(), place(workload, machine()))
    without = execute(workload, machine(), place(workload, machine(), Banks(**{rule: False})))
    assert without.outcome.cycles > whole.outcome.cycles
    assert judged(without, machine().memories[0].dram)[1] == ()


def test_decoder_beyond_the_capacity_is_refused_with_the_channels_that_would_do():
    with pytest.raises(Infeasible) as caught:
        place(decoder("gpt3_xl", tokens=9), arch.with_channels(arch.find("gddr6-aim"), 2))
    assert caught.value.message.startswith('the tensors of "gpt3_xl" need ')
    channels = int(caught.value.hint.split()[-2])
    place(decoder("gpt3_xl", tokens=9), arch.with_channels(arch.find("gddr6-aim"), channels))


def test_rules_that_are_none_are_named_together():
    with pytest.raises(ConfigError) as caught:
        Banks(balanced="no", tokens=-5)
    assert str(caught.value) == (
        "balanced must be true or false, not 'no'; tokens must be from 0 to 1099511627776, not -5"
    )


def test_elements_that_share_scales_are_refused():
    network = find_workload("gpt2_small", bits="mxfp4", tokens=4)
    with pytest.raises(ConfigError) as caught:
        place(network, arch.find("gddr6-aim"))
    assert str(caught.value) == (
        '"linear9.weight" of "gpt2_small" is e2m1fx32-e8m0, whose elements share scales, and '
        "columns of banks hold elements alone, all of them\n"
        "hint: take a format without shared scales, such as bfloat16, int8 or int4, and no "
        "pattern"
    )
