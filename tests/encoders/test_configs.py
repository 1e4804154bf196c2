"""config.json: what is taken from it, and what is refused with which words."""

import jax.numpy as jnp
import pytest
from checkpoints import configure, load
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import build, pretrained
from remote_jax.errors import UserError


def test_settings_are_those_of_the_checkpoint_or_the_call(bert):
    configure(bert, hidden_dropout_prob=0.25, layer_norm_eps=1e-6, hidden_act="gelu_pytorch_tanh")
    config = load(bert).config
    assert (config.dropout, config.attention_dropout) == (0.25, 0.1)
    assert (config.layer_norm_eps, config.activation) == (1e-6, "gelu_new")
    config = load(bert, dropout=0.5).config
    assert (config.dropout, config.attention_dropout) == (0.5, 0.5)


def test_a_dropout_of_0_leaves_none_on(bert, flax_vision, tmp_path):
    """With `rngs`, as in training, both encoders give what they give without."""
    configure(bert, attention_probs_dropout_prob=0.5)
    flax_vision("tower", attention_dropout=0.5).save(tmp_path / "tower")

    def differ(rate: float) -> list[bool]:
        settings = [
            ConfigDict({"pretrained": str(x), "dropout": rate}) for x in (bert, tmp_path / "tower")
        ]
        words = build.text(settings[0], 60, jnp.dtype("float32"), nnx.Rngs(0))
        objects = build.vision(settings[1], jnp.dtype("float32"), nnx.Rngs(0))
        tokens, pixels = jnp.arange(12).reshape(2, 6), jnp.ones((2, 64, 64, 3))
        calls = [
            lambda **rngs: words(tokens, None, jnp.zeros_like(tokens), **rngs)[-1],
            lambda **rngs: objects(pixels, **rngs)[-1],
        ]
        return [bool((call() != call(rngs=nnx.Rngs(dropout=0))).any()) for call in calls]

    assert differ(0.0) == [False, False]
    assert differ(0.1) == [True, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta', expected 'bert'"),
        ({"model_type": None}, "model_type is None, expected 'bert'"),
        ({"position_embedding_type": "relative_key"}, "expected 'absolute'"),
        ({"is_decoder": True}, "is_decoder is True, expected False"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, expected a whole number"),
        ({"hidden_size": -4}, "hidden_size is -4, expected a whole number from 1"),
        ({"hidden_size": True}, "hidden_size is True, expected a whole number"),
        ({"num_attention_heads": 5}, r"config\.json: an encoder of dim 32 does not split into 5"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan, expected a number"),
        ({"hidden_act": "mish"}, "hidden_act is 'mish', expected one of gelu"),
        ({"hidden_act": ["gelu"] * 10_000}, r"hidden_act is \['gelu', .*\.\.\.\], expected one"),
    ],
)
def test_configs_of_other_models_are_refused(bert, settings, message):
    configure(bert, **settings)
    with pytest.raises(UserError, match=message):
        load(bert)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "[" * 100_000, "\x00\xff"])
def test_malformed_configs_are_refused(bert, content):
    (bert / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"config\.json (is not JSON|holds a JSON)"):
        load(bert)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "bert"}, "'bert', expected 'vit' or 'clip' or 'clip_vision_model'"),
        ({"num_channels": 1}, "num_channels is 1, expected 3"),
        ({"model_type": "clip", "vision_config": [1]}, r"vision_config is \[1\], expected an obj"),
        ({"patch_size": 100}, "image of 64 pixels has no 100-pixel patch"),
        ({"qkv_bias": "yes"}, "qkv_bias is 'yes', expected true or false"),
    ],
)
def test_configs_of_other_vision_models_are_refused(flax_vision, tmp_path, settings, message):
    flax_vision("vit").model.config.save_pretrained(tmp_path)
    configure(tmp_path, **settings)
    with pytest.raises(UserError, match=message):
        pretrained.load_vit(tmp_path)
