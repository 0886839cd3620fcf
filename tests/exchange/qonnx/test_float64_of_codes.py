"""ONNX Runtime's operators on codes, computed in float64 behind their inputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from netwright.exchange.onnx.vocabulary import MICROSOFT
from netwright.exchange.qonnx.file_float64 import ON_CODES, run_in_float64
from tests.exchange.onnx_files import model, node

runtime = pytest.importorskip("onnxruntime")

CODES = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 4)).astype(np.uint8)
HELD = {
    "s": np.float32(0.25), "z": np.uint8(100), "t": np.float32(0.5), "e": np.uint8(90),
    "o": np.random.default_rng(1).integers(0, 256, (1, 4, 1, 1)).astype(np.uint8),
    "w": np.random.default_rng(2).integers(-128, 128, (4, 3)).astype(np.int8),
    "ws": np.array([0.125, 0.25, 0.5], np.float32), "wz": np.zeros(3, np.int8),
    "b": np.array([40, -33, 5], np.int32),
}  # fmt: skip
NODES = {
    "QGemm": node("QGemm", "x s z w ws wz b t e", domain=MICROSOFT, alpha=1.0),
    "QLinearAdd": node("QLinearAdd", "x s z o t e t e", domain=MICROSOFT),
    "QLinearAveragePool": node("QLinearAveragePool", "x s z t e", domain=MICROSOFT,
                               kernel_shape=[3, 2], pads=[1, 1, 1, 0], count_include_pad=1),
    "QLinearConcat": node("QLinearConcat", "t e x s z x s z", domain=MICROSOFT, axis=1),
    "QLinearGlobalAveragePool": node("QLinearGlobalAveragePool", "x s z t e", domain=MICROSOFT),
    "QLinearLeakyRelu": node("QLinearLeakyRelu", "x s z t e", domain=MICROSOFT, alpha=0.25),
    "QLinearMul": node("QLinearMul", "x s z o t e t e", domain=MICROSOFT),
    "QLinearSigmoid": node("QLinearSigmoid", "x s z t e", domain=MICROSOFT),
}  # fmt: skip


def of_codes(made: onnx.NodeProto, codes: np.ndarray, held: dict) -> onnx.ModelProto:
    def change(whole: onnx.ModelProto) -> None:
        kind = onnx.TensorProto.UINT8
        whole.graph.input[0].type.tensor_type.elem_type = kind
        whole.graph.output[0].type.tensor_type.elem_type = kind
        whole.opset_import.add(domain=MICROSOFT, version=1)
        kept = [t for t in whole.graph.initializer if t.name in made.input]
        del whole.graph.initializer[:]
        whole.graph.initializer.extend(kept)

    return model([made], held, shape=codes.shape, change=change)


@pytest.mark.parametrize("op", ON_CODES)
def test_codes_are_those_of_onnx_runtime(op: str) -> None:
    """To one code, where the exact value is a tie that float32 rounds otherwise."""
    codes = CODES.reshape(32, 4)[:9] if op == "QGemm" else CODES
    made = of_codes(NODES[op], codes, HELD)
    (own,) = runtime.InferenceSession(made.SerializeToString()).run(None, {"x": codes})
    (found,) = run_in_float64(onnx, made, {"x": codes}, quantized=["x"], codes=["x"])
    apart = np.abs(found.astype(int) - own.astype(int))
    assert found.shape == own.shape
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.05
    assert np.ptp(own) > 1


def test_what_float32_makes_a_tie_is_none() -> None:
    """5.25 over the float32 next to 0.3 is below 17.5; float32 gives 17.5, which is 18."""
    held = {**HELD, "t": np.float32(0.3)}
    codes = np.array([[[[121]]]], np.uint8)
    made = of_codes(NODES["QLinearLeakyRelu"], codes, held)
    (own,) = runtime.InferenceSession(made.SerializeToString()).run(None, {"x": codes})
    (found,) = run_in_float64(onnx, made, {"x": codes}, quantized=["x"], codes=["x"])
    assert int(own.item()) - 90 == 18
    assert int(found.item()) - 90 == 17
