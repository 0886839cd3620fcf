from __future__ import annotations

import json
import re

import pytest

from netwright.backends.cpu import EncoderShape, read_config
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
    assert read_config(path) == EncoderShape()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, '"hidden_act" must be "gelu", not \'relu\''),
        ({"hidden_size": "many"}, "\"hidden_size\" must be a positive number, not 'many'"),
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


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_config_is_refused(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"config\.json: "):
        read_config(path)
