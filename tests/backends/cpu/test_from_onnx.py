from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import build_engine, calibrate, read_onnx, read_state
from netwright.errors import DataError
from netwright.models.text import TextEncoder
from netwright.train.text import pad, text_logits
from tests.texts import SHAPE, sentences

pytest.importorskip("onnxruntime", reason="needs onnxruntime")
onnx = pytest.importorskip("onnx", reason="needs onnx")


def model_of(kind=TextEncoder):
    """The exporter stores equal tensors once, under one name; trained ones are not equal."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = kind(SHAPE)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def exported(path, model, *, dynamic=True):
    ids, mask = pad(sentences(3)[0])
    axes = {name: {0: "batch", 1: "tokens"} for name in ("ids", "mask")} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (ids, mask),
            str(path),
            input_names=["ids", "mask"],
            dynamic_axes=axes,
            dynamo=False,
            opset_version=17,
        )
    return path


def test_an_exported_encoder_is_read_as_it_was(tmp_path):
    model, words = model_of(), sentences(6)[0]
    found = read_onnx(str(exported(tmp_path / "a.onnx", model)), heads=2)
    assert (found.shape.hidden, found.shape.layers) == (SHAPE.hidden, SHAPE.layers)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    for name, tensor in read_state(state, SHAPE).tensors.items():
        if name.endswith("token_type_embeddings.weight"):
            tensor = tensor * np.array([[1], [0]], np.float32)  # the second type is not exported
        np.testing.assert_array_equal(found.tensors[name], tensor)
    logits = build_engine(calibrate(found, words), way="sparse")(words)
    wanted = text_logits(model, words)
    assert np.abs(logits - wanted).max() < 0.05 * np.abs(wanted).max()


def test_an_export_for_one_length_is_refused(tmp_path):
    path = exported(tmp_path / "a.onnx", model_of(), dynamic=False)
    with pytest.raises(DataError, match="hint: export with a dynamic axis of tokens"):
        read_onnx(path, heads=2)


def test_another_number_of_heads_is_noticed(tmp_path):
    path = exported(tmp_path / "a.onnx", model_of())
    with pytest.raises(
        DataError, match="not those of such an encoder with 4 heads: they differ by"
    ):
        read_onnx(path, heads=4)


def test_another_classifier_is_noticed(tmp_path):
    class FirstToken(TextEncoder):
        def classify(self, hidden, mask):
            return self.classifier(hidden[:, 0] * mask[:, :1])

    path = exported(tmp_path / "a.onnx", model_of(FirstToken))
    with pytest.raises(DataError, match="hint: accepted: normalization after the residual"):
        read_onnx(path, heads=2)


def test_files_that_are_no_encoder_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_onnx(tmp_path / "none.onnx", heads=2)
    (tmp_path / "a.onnx").write_bytes(b"text")
    with pytest.raises(DataError, match="not an ONNX model"):
        read_onnx(tmp_path / "a.onnx", heads=2)
    path = exported(tmp_path / "b.onnx", _Sum())
    with pytest.raises(DataError, match='must hold one initializer whose name ends in "embeddings'):
        read_onnx(path, heads=2)


class _Sum(torch.nn.Module):
    def forward(self, ids, mask):
        return (ids * mask).sum(1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("classifier.weight", 'tensor "classifier.weight" is missing, or no matrix'),
        ("encoder.layer.1.output.dense.bias", '"encoder.layer.1.output.dense.bias" is missing'),
    ],
)
def test_a_tensor_that_is_missing_is_named(tmp_path, name, message):
    path = exported(tmp_path / "a.onnx", model_of())
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.name = "other"
    onnx.save(model, path)
    with pytest.raises(DataError, match=message):
        read_onnx(path, heads=2)


def test_a_file_that_does_not_run_is_refused(tmp_path):
    path = exported(tmp_path / "a.onnx", model_of())
    model = onnx.load(path)
    del model.graph.node[-1]
    onnx.save(model, path)
    with pytest.raises(DataError, match="ONNX Runtime cannot run it"):
        read_onnx(path, heads=2)


def test_equal_tensors_that_were_merged_are_explained(tmp_path):
    torch.manual_seed(0)
    path = exported(tmp_path / "a.onnx", TextEncoder(SHAPE))
    with pytest.raises(DataError, match=r"is missing.*\nhint: exporters store equal tensors once"):
        read_onnx(path, heads=2)


def test_a_number_of_layers_that_would_exhaust_memory_is_refused(tmp_path):
    path = exported(tmp_path / "a.onnx", model_of())
    model = onnx.load(path)
    array = np.zeros(1, np.float32)
    name = "encoder.layer.900000000.x"
    model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    onnx.save(model, path)
    with pytest.raises(DataError, match="at most 1024 layers, not 900000001"):
        read_onnx(path, heads=2)
