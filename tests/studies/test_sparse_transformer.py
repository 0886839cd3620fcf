from __future__ import annotations

import sys

import pytest

from netwright.studies import find_study, run_claims, sparse_transformer


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_without_the_dense_product_its_claims_are_not_attempted(tmp_path, monkeypatch, missing):
    if missing == "onnx":
        pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setitem(sys.modules, missing, None)
    functions = {
        "dense-gemm": sparse_transformer.dense_gemm,
        "threshold": sparse_transformer.threshold,
        "whole-encoder": sparse_transformer.whole_encoder,
    }
    study = find_study("sparse-transformer")
    found = run_claims(study, functions, profile="full", folder=tmp_path).outcomes
    for outcome in found:
        if outcome.claim.id in functions:
            assert outcome.verdict == "not-attempted"
            assert f'needs the package "{missing}", which is not installed' in outcome.why
