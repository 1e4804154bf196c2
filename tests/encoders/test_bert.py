"""BERT against the Flax class of transformers, on random and real weights, level by level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import transformers
from flax import nnx
from flax_classes import flax_class
from oracles import Oracle, to_flax
from safetensors.numpy import load_file

from remote_jax.encoders import pretrained
from remote_jax.encoders.bert import Bert, BertConfig
from remote_jax.errors import UserError

TINY = BertConfig(60, 32, 2, 4, 48, 20, dropout=0.3, attention_dropout=0.2)


def inputs(vocabulary, lengths, n):
    """Random tokens and types, the mask of sequences of these lengths."""
    generator = np.random.default_rng(1)
    shape = (len(lengths), n)
    tokens = generator.integers(0, vocabulary, shape, dtype=np.int32)
    mask = np.arange(n) < np.array(lengths)[:, None]
    return tokens, mask, generator.integers(0, 2, shape, dtype=np.int32)


def assert_same_levels(oracle, model, tokens, mask, types):
    expected = oracle(tokens, mask.astype("i4"), types)["hidden_states"]
    levels = jax.jit(lambda model: model(tokens, mask, types))(model)
    assert len(levels) == len(expected)
    for level, (ours, theirs) in enumerate(zip(levels, expected, strict=True)):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0, err_msg=f"level {level}")


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "quick_gelu"])
def test_levels_on_random_weights(flax_bert, tmp_path, activation):
    oracle = flax_bert(hidden_act=activation)
    oracle.save(tmp_path)
    model = pretrained.load_bert(tmp_path, rngs=nnx.Rngs(0))
    assert_same_levels(oracle, model, *inputs(60, (16, 9), 16))


def test_levels_at_base_size(flax_bert, tmp_path):
    base = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    base |= {"intermediate_size": 3072, "max_position_embeddings": 128, "vocab_size": 500}
    oracle = flax_bert(scale=0.01, **base)
    oracle.save(tmp_path)
    model = pretrained.load_bert(tmp_path, rngs=nnx.Rngs(0))
    assert_same_levels(oracle, model, *inputs(500, (128, 70), 128))


def test_levels_on_real_weights(minilm):
    config = transformers.BertConfig.from_pretrained(minilm)
    oracle = Oracle.random(flax_class("FlaxBertModel"), config, 0.0)
    oracle.params = to_flax(load_file(minilm / "model.safetensors"), oracle.params)
    model = pretrained.load_bert(minilm, rngs=nnx.Rngs(0))
    tokenizer = transformers.BertTokenizerFast.from_pretrained(minilm)
    batch = tokenizer(
        ["A flag above the old town hall.", "She won."], padding="max_length", max_length=32
    )
    tokens, mask = np.array(batch["input_ids"]), np.array(batch["attention_mask"], bool)
    assert_same_levels(oracle, model, tokens, mask, np.array(batch["token_type_ids"]))


def test_blocks_one_by_one_are_the_whole():
    model = Bert(TINY, rngs=nnx.Rngs(0))
    tokens, mask, types = inputs(60, (8, 5), 8)
    x = model.embed(tokens, types)
    for block, level in zip(model.blocks, model(tokens, mask, types)[1:], strict=True):
        x = block(x, mask)
        np.testing.assert_array_equal(x, level)


def test_state_is_parameters_and_nothing_else():
    model = Bert(TINY, rngs=nnx.Rngs(0))
    tokens, mask, types = inputs(60, (8, 5), 8)
    model(tokens, mask, types, rngs=nnx.Rngs(dropout=0))
    _, parameters, rest = nnx.split(model, nnx.Param, ...)
    assert not jax.tree.leaves(rest)
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters)} == {jnp.dtype("float32")}


def test_dropout_only_with_rngs():
    model = Bert(TINY, rngs=nnx.Rngs(0))
    batch = inputs(60, (8, 5), 8)
    plain = jax.jit(lambda model: model(*batch))
    kept = plain(model)
    np.testing.assert_array_equal(plain(model)[-1], kept[-1])
    dropped = jax.jit(lambda model: model(*batch, rngs=nnx.Rngs(dropout=0)))(model)
    for level, whole in zip(dropped, kept, strict=True):
        assert np.abs(level - whole).max() > 0.1


def test_bfloat16_is_near_float32():
    exact, rough = (Bert(TINY, dtype=dtype, rngs=nnx.Rngs(0)) for dtype in (None, "bfloat16"))
    tokens, _, types = inputs(60, (8, 5), 8)
    mask = np.array([[True] * 8, [False] * 8])
    levels = jax.jit(lambda model: model(tokens, mask, types))
    for ours, theirs in zip(levels(rough), levels(exact), strict=True):
        assert ours.dtype == jnp.bfloat16
        np.testing.assert_allclose(ours.astype(jnp.float32), theirs, atol=0.1)


def test_too_long_a_sequence_is_refused():
    tokens = jnp.zeros((1, 21), int)
    with pytest.raises(UserError, match="21 tokens does not fit a text encoder of 20 positions"):
        Bert(TINY, rngs=nnx.Rngs(0)).embed(tokens, tokens)
