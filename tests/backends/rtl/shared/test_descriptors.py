import pytest

from netwright.backends.rtl.shared.descriptors import FIELDS, descriptor, image, words_for
from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.errors import GraphError
from tests.backends.hls.graphs import Build
from tests.backends.rtl.shared.graphs import tiny


def test_no_two_fields_overlap() -> None:
    taken = [bit for field in FIELDS for bit in range(field.place, field.place + field.bits)]
    assert len(set(taken)) == len(taken)
    assert max(taken) < 512
    assert all(field.place // 32 == (field.place + field.bits - 1) // 32 for field in FIELDS)


def test_words_of_a_layer() -> None:
    plan = planned(tiny(), SharedOptions(4, 2, 2))
    words = descriptor(plan, 0)
    assert words[0] == 5 - 1  # positions; one block
    assert words[1] >> 23 == 1  # one plane, signed; not the last layer
    assert words[4] & 0x3FFFF == -2 & 0x3FFFF  # one position of padding
    assert words[8] >> 16 == 3  # channels
    assert descriptor(plan, 1)[1] >> 31 == 1


def test_the_image_is_written_in_order() -> None:
    plan = planned(tiny(), SharedOptions(4, 2, 2))
    addresses = [address for address, _ in image(plan)]
    assert addresses == sorted(set(addresses))
    assert len(addresses) == 2 * 16 + len(plan.weights) * words_for(4 * 4 * 8) + len(
        plan.table
    ) * words_for(2 * (plan.sizes.multiplier_bits + plan.sizes.offset_bits))


def test_values_outside_of_their_fields() -> None:
    build = Build()
    conv = build.conv(build.quantize((1, 9)), 1, (2,), bits=8)
    graph = build.graph(build.requantize(conv, bits=17, signed=True, zero_point=1 << 18))
    with pytest.raises(GraphError) as caught:
        image(planned(graph, SharedOptions()))
    assert str(caught.value) == (
        'layer "requantize_2": zero_point must be from -131,072 to 131,071, not 262,144'
    )
