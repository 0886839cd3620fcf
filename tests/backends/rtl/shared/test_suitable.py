import pytest

from netwright.backends.rtl.shared.suitable import check_suitable
from netwright.errors import GraphError, UnsupportedOp
from netwright.formats import Int
from tests.backends.hls.graphs import Build


def test_every_operator_that_it_does_not_have() -> None:
    build = Build()
    source = build.quantize((2, 8), bits=4)
    pooled = build.pool("MaxPool", source, (2,), (2,))
    with pytest.raises(UnsupportedOp) as caught:
        check_suitable(build.graph(build.add("Sign", (pooled,), {"offset": (1,)})))
    assert str(caught.value) == (
        'node "maxpool_1": operator "MaxPool" is not supported by a shared accelerator\n'
        "hint: supported: Quantize, Conv, ConvTranspose, MatMul, Requantize, Relu, Limit, Add, "
        'Reshape, Transpose; convolutions of one dimension; also "sign_2" (Sign)'
    )


def test_all_faults_at_once() -> None:
    build = Build()
    wide = build.quantize((1, 4, 4), bits=18)
    conv = build.declare(build.conv(wide, 2, (2, 2)), Int(9))
    with pytest.raises(GraphError) as caught:
        check_suitable(build.graph(build.pool("MaxPool", conv, (2, 2), (2, 2))))
    text = str(caught.value).splitlines()[0]
    assert text.startswith(
        'node "maxpool_2": operator "MaxPool" is not supported; input "x0" has codes of 18 bits; '
        'at most 16 fit; node "conv_1" is a convolution of two dimensions; tensor "conv_1_out" '
        "wraps: its format int9 holds less than -"
    )
