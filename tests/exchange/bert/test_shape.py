from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from netwright.backends.cpu.encoders import EncoderShape, read_config
from netwright.errors import DataError

CONFIG = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
}


def test_a_config_is_read(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    assert read_config(path) == read_config(str(path)) == EncoderShape()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, '"hidden_act" must be "gelu", not \'relu\''),
        ({"hidden_size": "many"}, "\"hidden_size\" must be a positive integer, not 'many'"),
        ({"hidden_size": 384.7}, '"hidden_size" must be a positive integer, not 384.7'),
        ({"num_hidden_layers": 2.5}, '"num_hidden_layers" must be a positive integer, not 2.5'),
        ({"vocab_size": math.inf}, '"vocab_size" must be a positive integer, not inf'),
        ({"layer_norm_eps": math.nan}, '"layer_norm_eps" must be a positive number, not nan'),
        ({"num_attention_heads": True}, '"num_attention_heads" must be a positive integer'),
        ({"num_hidden_layers": 10**9}, "an encoder has at most 1024 layers, not 1000000000"),
        ({"model_type": "roberta"}, '"model_type" must be "bert", not \'roberta\''),
        ({"hidden_size": 0}, "hidden must be at least 1, not 0"),
        ({"num_attention_heads": 7}, "hidden 384 must be a multiple of heads 7"),
        ({"num_attention_heads": 64}, "hidden / heads must be a multiple of 4, not 384 / 64"),
    ],
)
def test_other_encoders_are_refused(tmp_path, changes, message):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG | changes))
    with pytest.raises(DataError, match=re.escape(message)):
        read_config(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "[" * 100_000])
def test_a_damaged_config_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"config\.json: "):
        read_config(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads": 3.0}, "heads must be an integer, not 3.0"),
        ({"classes": "2"}, "classes must be an integer, not '2'"),
        ({"layers": True}, "layers must be an integer, not True"),
        ({"layers": 1025}, "at most 1024 layers, not 1025"),
        ({"epsilon": "small"}, "epsilon must be between 0 and 1, not 'small'"),
        ({"epsilon": math.nan, "hidden": -1}, "hidden must be at least 1, not -1; epsilon must be"),
    ],
)
def test_extents_that_are_no_integers_are_refused(values, message):
    with pytest.raises(DataError, match=re.escape(message)):
        EncoderShape(**values)


def test_integers_of_numpy_are_taken_as_those_of_python():
    shape = EncoderShape(layers=np.int64(6))
    assert shape == EncoderShape()
    assert type(shape.layers) is int
