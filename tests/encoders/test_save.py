"""Encoders written for transformers: what is read back is what was written."""

import json

import numpy as np
import pytest
from checkpoints import SINGLE, assert_same, load
from oracles import to_torch
from safetensors.numpy import load_file

from remote_jax.encoders import pretrained, save


def test_bert_comes_back_with_the_rows_of_markers(bert, tmp_path):
    model = load(bert, vocab_size=68)
    save.save_bert(model, tmp_path / "out")
    assert_same(load(tmp_path / "out"), model)
    assert json.loads((tmp_path / "out/config.json").read_text())["vocab_size"] == 68
    kept = load_file(bert / SINGLE)
    for name, value in load_file(tmp_path / "out" / SINGLE).items():
        np.testing.assert_array_equal(value[:60], kept[name][:60], err_msg=name)


@pytest.mark.parametrize("kind", ["vit", "tower"])
def test_vision_encoders_come_back(flax_vision, tmp_path, kind):
    oracle = flax_vision(kind, hidden_act="quick_gelu", layer_norm_eps=1e-6)
    oracle.save(tmp_path / "in")
    model = pretrained.load_vit(tmp_path / "in")
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    save.save_vit(model, tmp_path / "out", mean=mean, std=std)
    assert_same(pretrained.load_vit(tmp_path / "out"), model)
    assert pretrained.vit_shape(tmp_path / "out") == pretrained.vit_shape(tmp_path / "in")
    assert pretrained.image_statistics(tmp_path / "out") == {"mean": mean, "std": std}
    written = load_file(tmp_path / "out" / SINGLE)
    expected = {name: x for name, x in to_torch(oracle.params).items() if "pooler" not in name}
    assert written.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(written[name], value, err_msg=name)
