"""Checkpoints: both layouts, every prefix, and the tensors that are refused, with both shapes."""

import numpy as np
import pytest
import transformers
from checkpoints import PACKED, SINGLE, WORDS, assert_same, configure, load, rewrite
from flax.serialization import msgpack_serialize
from oracles import to_torch
from safetensors.numpy import save_file

from remote_jax.encoders import pretrained
from remote_jax.errors import UserError


def test_both_layouts_give_the_same(bert, packed):
    assert_same(load(bert), load(packed))


@pytest.mark.parametrize("prefix", ["bert.", "model.text.bert."])
def test_prefixes_of_larger_models(bert, prefix):
    expected = load(bert)
    head = {"classifier.weight": np.zeros((2, 32), np.float32)}
    rewrite(bert, lambda tensors: {prefix + name: x for name, x in tensors.items()} | head)
    assert_same(load(bert), expected)


def test_prefix_in_flax(flax_bert, packed):
    expected = load(packed)
    params = flax_bert(num_hidden_layers=2).params
    (packed / PACKED).write_bytes(msgpack_serialize({"bert": params, "cls": {"bias": np.ones(3)}}))
    assert_same(load(packed), expected)


def test_gamma_and_beta_are_old_names(bert):
    expected = load(bert)

    def old(name):
        if "LayerNorm" not in name:
            return name
        return name.replace("weight", "gamma").replace("bias", "beta")

    rewrite(bert, lambda tensors: {old(name): x for name, x in tensors.items()})
    assert_same(load(bert), expected)


@pytest.mark.parametrize("kind", ["vit", "tower", "clip"])
def test_vision_checkpoints_in_both_layouts(flax_vision, tmp_path, kind):
    oracle = flax_vision(kind)
    oracle.save(tmp_path)
    expected = pretrained.load_vit(tmp_path)
    assert expected.config.dim == 32
    params = oracle.params["vision_model"] if kind == "clip" else oracle.params
    cls = {"vit": "cls_token", "tower": "class_embedding", "clip": "class_embedding"}[kind]
    params = params.get("vision_model", params)
    np.testing.assert_array_equal(expected.cls[...], params["embeddings"][cls].ravel())
    (tmp_path / PACKED).unlink()
    save_file(to_torch(oracle.params), tmp_path / SINGLE)
    assert_same(pretrained.load_vit(tmp_path), expected)


def test_pytorch_writes_what_we_read(flax_bert, tmp_path):
    torch = pytest.importorskip("torch", reason="the writer is a PyTorch class")
    oracle = flax_bert(num_hidden_layers=2)
    model = transformers.BertForMaskedLM(oracle.model.config)
    weights = {name: torch.tensor(x) for name, x in to_torch(oracle.params).items()}
    model.bert.load_state_dict(weights, strict=False)
    model.save_pretrained(tmp_path / "torch")
    oracle.save(tmp_path / "flax")
    assert_same(load(tmp_path / "torch"), load(tmp_path / "flax"))


def test_new_rows_are_near_the_mean_and_differ(bert):
    plain, extended = load(bert), load(bert, vocab_size=68)
    table, old = np.asarray(extended.words.embedding[...]), np.asarray(plain.words.embedding[...])
    assert extended.config.vocab_size == len(table) == 68
    np.testing.assert_array_equal(table[:60], old)
    noise = table[60:] - old.mean(0)
    assert 0.01 < noise.std() < 0.03
    assert len(np.unique(table[60:], axis=0)) == 8
    assert_same(extended, load(bert, vocab_size=68))
    assert len(load(bert, vocab_size=50).words.embedding[...]) == 60


def test_image_statistics(flax_vision, tmp_path):
    assert pretrained.image_statistics("")["std"] == (0.5, 0.5, 0.5)
    flax_vision("tower").save(tmp_path)
    assert pretrained.image_statistics(tmp_path)["mean"] == (0.48145466, 0.4578275, 0.40821073)
    file = tmp_path / "preprocessor_config.json"
    file.write_text('{"image_mean": [0, 0.5, 1], "image_std": [0.25, 0.5, 1]}')
    found = pretrained.image_statistics(tmp_path)
    assert found == {"mean": (0, 0.5, 1), "std": (0.25, 0.5, 1)}
    file.write_text('{"image_std": [0.5, 0.5, 0]}')
    with pytest.raises(UserError, match=r"preprocessor_config\.json: image_std is \[0.5, 0.5, 0\]"):
        pretrained.image_statistics(tmp_path)


def test_another_shape_is_refused_with_both(bert):
    configure(bert, intermediate_size=40)
    with pytest.raises(UserError) as error:
        load(bert)
    name = "encoder.layer.0.output.dense.weight has shape (32, 48)"
    assert str(error.value) == f"{bert / SINGLE}: {name}; {bert / 'config.json'} makes it (32, 40)"


def test_another_shape_in_flax_is_refused_with_its_own_name(packed):
    configure(packed, vocab_size=61)
    with pytest.raises(UserError) as error:
        load(packed)
    name = "embeddings.word_embeddings.embedding has shape (60, 32)"
    expected = f"{packed / PACKED}: {name}; {packed / 'config.json'} makes it (61, 32)"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: {name: x for name, x in t.items() if name != WORDS},
            rf"{WORDS} is missing; .*config\.json makes it \(60, 32\)",
        ),
        (
            lambda t: t | {"encoder.layer.2.output.dense.bias": np.zeros(32, np.float32)},
            r"encoder\.layer\.2\.output\.dense\.bias has shape \(32,\); .*num_hidden_layers is 2",
        ),
        (
            lambda t: t | {"embeddings.LayerNorm.gamma": np.ones(32, np.float32)},
            r"LayerNorm\.(gamma|weight) and embeddings\.LayerNorm\.(gamma|weight) are the same",
        ),
        (
            lambda t: t | {"decoder." + name: x for name, x in t.items()},
            r"2 encoders with embeddings.*, under '' and 'decoder\.'; expected one",
        ),
        (
            lambda t: t | {WORDS: t[WORDS].astype(np.int8)},
            rf"{WORDS} has dtype int8, expected a floating one",
        ),
        (
            lambda t: t | {WORDS: t[WORDS] / np.float32(0)},
            rf"{WORDS} has values that are not finite",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_tensors_that_do_not_fit_are_refused(bert, change, message):
    rewrite(bert, change)
    with pytest.raises(UserError, match=rf"model\.safetensors.*{message}"):
        load(bert)
