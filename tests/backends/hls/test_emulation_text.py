from netwright.backends.hls.emulation_text import emulation_source, traced_layers
from netwright.backends.hls.translation import lower
from tests.backends.hls.graphs import Build


def test_arrays_have_the_types_and_extents_of_their_headers() -> None:
    build = Build()
    firmware = lower(build.graph(build.dense(build.quantize((3,)), 2)), "io_parallel")
    text = emulation_source(firmware, "net", [("w2", "weight_t"), ("b2", "bias_t")])
    assert "using weight_t = Literal<::weight_t>;" in text
    assert '#include "firmware/weights/w2.h"' in text
    assert "headers::Array<decltype(headers::w2)>::type w2;" in text
    assert text.index("weights/b2.h") < text.index('#include "firmware/net.cpp"')


def test_layers_that_hold_a_tensor_can_be_seen() -> None:
    build = Build()
    first = build.dense(build.quantize((3,)), 2)
    graph = build.graph(build.requantize(first, bits=3, signed=True, low=-2, high=2))
    firmware = lower(graph, "io_parallel")
    shown = traced_layers(firmware)
    assert shown == ("matmul_1", "requantize_2_shift")
    assert "requantize_2_top" in {layer.name for layer in firmware.layers}
