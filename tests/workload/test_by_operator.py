from __future__ import annotations

from netwright.workload import NETWORKS, Builder, by_operator, fuse


def test_cascade_of_one_operator_is_one_step():
    b = Builder("net")
    x = b.input((1, 8, 16))
    w = by_operator(b.finish(b.add(b.layer_norm(b.linear(x, 16)), x)))
    assert [einsum.name for einsum in w.einsums] == ["linear0", "norm1", "add8"]
    norm = w.einsums[1]
    assert (norm.reads, norm.output.tensor) == (("linear0.out",), "norm1.out")
    assert {tensor.name for tensor in w.tensors if tensor.kind == "activation"} == {
        "linear0.out", "norm1.out", "add8.out"
    }  # fmt: skip
    assert w.granularity == "operators"
    assert by_operator(w) is w
    assert fuse(w) is w


def test_operator_whose_inner_tensor_leaves_stays_a_cascade():
    b = Builder("net")
    normalized = b.layer_norm(b.input((1, 8, 16)))
    whole = b.finish(normalized, "norm0.sum.out")
    assert by_operator(whole).einsums == whole.einsums


def test_single_einsums_stay_what_they_are():
    network = NETWORKS["resnet18"]()
    assert by_operator(network).einsums == network.einsums


def test_scores_and_shares_are_what_attention_writes():
    names = [e.name for e in by_operator(NETWORKS["vit_b16"]()).einsums if "attention13" in e.name]
    assert names == ["attention13.scores", "attention13.softmax", "attention13"]
