"""Parts of tensors: exact in arrays and in streams, along every axis."""

from pathlib import Path

import pytest

from netwright.backends.hls import hls
from netwright.backends.hls.lowering import IoType
from netwright.backends.hls.translation import lower
from netwright.errors import UnsupportedOp
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, assert_same


def parts() -> Graph:
    """A part of the time, a part of the channels, and a part of what was flattened."""
    build = Build("parts")
    wide = build.conv(build.quantize((1, 9)), 3, (2,), bits=3)
    wide = build.requantize(wide, bits=3, shift=3)
    time = build.add("Slice", (wide,), {"axis": 2, "start": 1, "stop": 8, "step": 2})
    channels = build.add("Slice", (time,), {"axis": 1, "start": 1, "stop": 3, "step": 1})
    flat = build.flatten(build.requantize(channels, bits=3, shift=0))
    end = build.add("Slice", (flat,), {"axis": 1, "start": 2, "stop": 7, "step": 1})
    return build.graph(build.dense(end, 2, bits=3, bias_bits=4))


def test_a_part_is_a_product_with_a_one() -> None:
    firmware = lower(parts(), "io_stream")
    time, channels = (layer for layer in firmware.layers if layer.node in ("slice_3", "slice_4"))
    assert (time.kind, channels.kind) == ("Conv1D", "Conv1D")
    assert time.arrays["weight_data"].shape == (2, 3, 3)
    assert time.arrays["weight_data"].sum() == 3
    assert channels.arrays["weight_data"][0].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_what_is_joined_may_be_flattened_images() -> None:
    build = Build("net")
    image = build.requantize(build.conv(build.quantize((2, 4)), 3, (2,), bits=3), bits=3, shift=3)
    both = build.add("Concat", (build.flatten(image), build.quantize((2,))), {"axis": 1})
    assert lower(build.graph(build.dense(both, 2)), "io_parallel").layers[-1].kind == "Dense"


def test_a_part_of_more_axes_is_refused() -> None:
    build = Build("net")
    cube = build.add("Reshape", (build.quantize((16,)),), {"shape": (1, 2, 2, 2, 2)})
    part = build.add("Slice", (cube,), {"axis": 2, "start": 0, "stop": 1, "step": 1})
    with pytest.raises(UnsupportedOp, match="take parts of the last axis, or of tensors of 2 or 3"):
        lower(build.graph(part), "io_parallel")


@pytest.mark.tool("g++")
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_parts_are_exact(tmp_path: Path, io_type: IoType) -> None:
    assert_same(parts(), hls(io_type=io_type), tmp_path, rows=60)
