from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import RtlDesign, rtl
from netwright.backends.rtl.streams.product_proof import specified
from netwright.errors import BackendError
from netwright.ir import Graph
from tests.backends.hls.graphs import Build


def dense_network() -> Graph:
    build = Build("net")
    hidden = build.requantize(
        build.dense(build.quantize((4,), bits=3), 4, bits=3, bias_bits=4), bits=3, shift=3
    )
    return build.graph(build.dense(hidden, 2, bits=3, bias_bits=4))


def convolutions() -> Graph:
    """Grouped, dilated, padded, then dense over positions."""
    build = Build("net")
    source = build.quantize((4, 5, 4), bits=3)
    first = build.conv(source, 6, (2, 2), bits=3, pads=1, dilations=2, group=2)
    hidden = build.requantize(first, bits=3, shift=4)
    return build.graph(build.conv(hidden, 2, (1, 3), bits=3, strides=2))


def generate(graph: Graph, folder: Path, reuse: int | Mapping[str, int]) -> RtlDesign:
    return rtl(reuse_factor=reuse).generate(graph, folder / "out")


@pytest.mark.parametrize("reuse", [1, 2, 4, 8, {"matmul_1": 8}])
def test_every_product_of_a_dense_network_is_proven(
    reuse: int | dict[str, int], tmp_path: Path
) -> None:
    proofs = generate(dense_network(), tmp_path, reuse).prove()
    assert sum(proof.products for proof in proofs) == 6
    assert all(proof.holds for proof in proofs)


@pytest.mark.parametrize("reuse", [2, 4, 12])
def test_every_product_of_convolutions_is_proven(reuse: int, tmp_path: Path) -> None:
    proofs = generate(convolutions(), tmp_path, reuse).prove()
    assert [proof.products for proof in proofs] == [6, 2]
    assert all(proof.holds for proof in proofs)


def test_a_changed_word_gives_a_counter_example(tmp_path: Path) -> None:
    design = generate(dense_network(), tmp_path, 4)
    path = design.root / "net_matmul_3.v"
    text = path.read_text()
    word = text.split("6'h")[2][:2]  # of clock 2: one weight for each of two outputs
    path.write_text(text.replace(f"6'h{word}", f"6'h{int(word, 16) ^ 1:02x}"))
    wrong = next(proof for proof in design.prove() if not proof.holds)
    (failure,) = wrong.counter_examples
    assert (failure.node, failure.wire) == ("matmul_3", "sum 0")
    assert set(failure.inputs) == {"x[2]"}
    assert abs(failure.expected - failure.got) == abs(failure.inputs["x[2]"])
    assert wrong.products == 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (".ACC_BITS(7)", ".ACC_BITS(6)", "the bits of its sums must be 12, not 14"),
        (".X_SIGNED(0)", ".X_SIGNED(1)", "the sign of its elements must be 0, not 1"),
        (".DEPTH(4)", ".DEPTH(3)", "the words of its memory must be 4, not 3"),
        (".address(count)", ".address(round)", "the pins of its weights"),
        ("{2{1'b0}}", "{2{1'b1}}", "whether its sums begin with zero must be True, not False"),
        ("mac_array #", "other #", "the module of its sums must be mac_array, not other"),
    ],
)
def test_a_width_or_a_pin_that_does_not_fit_is_refused(
    old: str, new: str, what: str, tmp_path: Path
) -> None:
    design = generate(dense_network(), tmp_path, 4)
    path = design.root / "net_matmul_3.v"
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BackendError) as caught:
        design.prove()
    assert what in caught.value.message


def test_loadable_weights_prove_nothing_and_say_so(tmp_path: Path) -> None:
    design = rtl(reuse_factor=4, weights="loadable").generate(dense_network(), tmp_path / "out")
    with pytest.raises(BackendError, match="loaded through a port, so its files prove no product"):
        design.prove()


def test_the_matrix_of_a_grouped_convolution() -> None:
    graph = convolutions()
    matrix = specified(graph.node("conv_1"), graph)
    weights = graph.constants[graph.node("conv_1").inputs[1]]
    assert matrix.shape == (6, 16)
    assert matrix[4, 3 * 4 + 2 + 1] == weights[4, 1, 1, 1]
    assert not np.any(matrix[4].reshape(4, 4)[:, :2])
