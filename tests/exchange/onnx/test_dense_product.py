from __future__ import annotations

import numpy as np
import onnx
import pytest

from netwright.errors import DataError
from netwright.exchange.onnx.dense_product import dense_product
from netwright.kernels import Requantize


def test_the_model_is_valid_and_names_its_inputs():
    epilogue = Requantize(scale=np.ones(4, np.float32), residual=True, output="float32")
    model = onnx.load_from_string(dense_product(np.ones((4, 3), np.int8), epilogue))
    onnx.checker.check_model(model, full_check=True)
    assert [item.name for item in model.graph.input] == ["codes", "residual"]


def test_steps_that_are_not_written_are_refused():
    epilogue = Requantize(scale=np.ones(4, np.float32), relu=True, gelu=True, output="float32")
    with pytest.raises(DataError, match="a dense product takes no relu, gelu"):
        dense_product(np.ones((4, 3), np.int8), epilogue)
