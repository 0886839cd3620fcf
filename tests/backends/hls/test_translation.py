import pytest

from netwright.backends.hls.translation import lower
from netwright.errors import BackendError, GraphError, NumericsError, UnsupportedOp
from netwright.formats import Int
from netwright.ir import FLOAT, Graph, Node, TensorType
from tests.backends.hls.graphs import Build, jet_tagger


def test_power_of_two_scales_need_no_multiplication() -> None:
    firmware = lower(jet_tagger(6), "io_parallel")
    assert [(layer.kind, layer.node) for layer in firmware.layers] == [
        ("InputLayer", ""),
        ("Dense", "matmul_1"),
        ("Activation", "requantize_2"),
        ("Dense", "matmul_3"),
        ("Activation", "requantize_4"),
        ("Dense", "matmul_5"),
        ("Activation", "requantize_6"),
        ("Dense", "matmul_7"),
    ]
    assert firmware.layers[0].registers["result"].ap_fixed_name() == "fixed<6,3,TRN,WRAP>"
    assert firmware.layers[1].registers["weight"].ap_fixed_name() == "fixed<6,1,TRN,WRAP>"
    assert firmware.layers[2].registers["result"].ap_fixed_name() == "ufixed<6,5,RND_CONV,SAT>"
    assert firmware.outputs == ("matmul_7",)


def test_a_graph_with_real_values_is_refused() -> None:
    types = {"x": TensorType((1, 2), FLOAT), "y": TensorType((1, 2), FLOAT)}
    graph = Graph("g", ("x",), ("y",), (Node("relu", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(GraphError) as caught:
        lower(graph, "io_parallel")
    assert str(caught.value) == (
        'graph "g" must be in the integer form\nhint: apply netwright.passes.integerize first'
    )


def test_a_graph_without_work_is_refused() -> None:
    build = Build("g")
    with pytest.raises(BackendError) as caught:
        lower(build.graph(build.quantize((3,))), "io_parallel")
    assert str(caught.value) == (
        'graph "g" leaves nothing to compute in firmware\n'
        "hint: its outputs are its quantized inputs"
    )


def test_an_output_beyond_a_double_is_refused() -> None:
    build = Build()
    output = build.declare(build.dense(build.quantize((3,)), 2), Int(60))
    with pytest.raises(NumericsError) as caught:
        lower(build.graph(output), "io_parallel")
    assert str(caught.value) == (
        'tensor "matmul_1_out": an output of 60 bits is too wide; at most 53 pass exactly\n'
        "hint: requantize it to fewer bits"
    )


def test_a_wrap_to_a_narrow_format_is_refused() -> None:
    build = Build()
    output = build.declare(build.dense(build.quantize((3,)), 2), Int(5, narrow=True))
    with pytest.raises(NumericsError) as caught:
        lower(build.graph(output), "io_parallel")
    assert str(caught.value) == (
        'tensor "matmul_1_out": values wrap to the narrow format int5n, which no register does\n'
        "hint: declare a format that is wide enough, or not narrow"
    )


def test_rounding_away_from_zero_with_both_signs_is_refused() -> None:
    build = Build()
    output = build.requantize(build.dense(build.quantize((3,)), 2), rounding="away-from-zero")
    with pytest.raises(UnsupportedOp) as caught:
        lower(build.graph(output), "io_parallel")
    assert str(caught.value) == (
        'node "requantize_2": operator "Requantize" is not supported by the HLS backend\n'
        "hint: ap_fixed cannot round away from zero when values have both signs; use rounding "
        "half-away, half-even or floor"
    )


def test_a_tensor_that_broadcasts_is_refused() -> None:
    build = Build()
    output = build.add("Add", (build.quantize((4,)), build.quantize((1,))))
    with pytest.raises(UnsupportedOp, match="one shape, or one tensor and a constant"):
        lower(build.graph(output), "io_parallel")


def test_overlapping_windows_on_streams_are_refused() -> None:
    build = Build()
    output = build.pool("MaxPool", build.quantize((2, 6, 6)), (3, 3), (2, 2))
    graph = build.graph(output)
    assert lower(graph, "io_parallel").outputs == ("maxpool_1",)
    with pytest.raises(UnsupportedOp) as caught:
        lower(graph, "io_stream")
    assert str(caught.value) == (
        'node "maxpool_1": operator "MaxPool" is not supported by the HLS backend\n'
        "hint: on streams, windows must not overlap, skip or be padded: strides equal to the "
        'kernel and pads of 0; else use io_type "io_parallel"'
    )


def test_joining_rows_on_streams_is_refused() -> None:
    build = Build()
    value = build.quantize((2, 3, 3))
    with pytest.raises(UnsupportedOp, match='join along axis 1, or use io_type "io_parallel"'):
        lower(build.graph(build.add("Concat", (value, value), {"axis": 2})), "io_stream")


def test_streams_with_many_readers_are_refused() -> None:
    build = Build()
    value = build.requantize(build.dense(build.quantize((3,)), 2))
    graph = build.graph(*(build.dense(value, 2) for _ in range(8)))
    assert len(lower(graph, "io_parallel").outputs) == 8
    with pytest.raises(BackendError) as caught:
        lower(graph, "io_stream")
    assert str(caught.value) == (
        'layer "requantize_2" is read 8 times; a stream can be read 7 times\n'
        'hint: use io_type "io_parallel"'
    )


def test_an_order_that_no_transposition_restores_is_refused() -> None:
    build = Build()
    value = build.quantize((4, 3, 3))
    mixed = build.add("Transpose", (build.conv(value, 4, (1, 1)),), {"order": (0, 2, 1, 3)})
    output = build.conv(build.add("Reshape", (mixed,), {"shape": (1, 2, 6, 3)}), 2, (2, 2))
    with pytest.raises(UnsupportedOp, match="in an order that no transposition restores"):
        lower(build.graph(output), "io_parallel")


def test_flattening_permutes_the_weights_instead_of_the_values() -> None:
    build = Build()
    conv = build.conv(build.quantize((3, 4, 4)), 2, (2, 2))
    firmware = lower(build.graph(build.dense(build.flatten(conv), 5)), "io_parallel")
    assert [layer.kind for layer in firmware.layers] == [
        "InputLayer",
        "Conv2D",
        "Reshape",
        "Dense",
    ]


def test_names_are_identifiers_without_regard_to_case() -> None:
    build = Build()
    value = build.quantize((3,))
    weights = build.weights((3, 2), 4)
    outputs = [
        build.add("MatMul", (value, weights), name=name)
        for name in ("/fc.1/a", "FC_1_A", "1st", "input")
    ]
    names = [layer.name for layer in lower(build.graph(*outputs), "io_parallel").layers]
    assert names == ["in_quantize_0_out", "fc_1_a", "FC_1_A_2", "n_1st", "n_input"]


def test_what_no_output_is_made_from_has_no_stream() -> None:
    build = Build("dead")
    source = build.quantize((3,), bits=4)
    build.dense(source, 2)
    graph = build.graph(build.dense(source, 2))
    streams = [layer.node for layer in lower(graph, "io_stream").layers]
    assert streams == ["", "matmul_2"]
    assert len(lower(graph, "io_parallel").layers) == 3
