"""The model around pretrained encoders, with their checkpoints and without."""

import json
import shutil

import pytest
import transformers
from flax import nnx
from flax_classes import flax_class
from released import words_tokenizer

from configs import umre
from remote_jax.encoders import build as encoders
from remote_jax.errors import UserError
from remote_jax.remote import build
from remote_jax.training.state import split

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}


@pytest.fixture
def config(tmp_path):
    """A config whose encoders are checkpoints of transformers, in `tmp_path`."""
    tokenizer = words_tokenizer()
    bert = transformers.BertConfig(
        **SIZES, vocab_size=len(tokenizer) - 8, max_position_embeddings=32
    )
    vit = transformers.ViTConfig(**SIZES, image_size=64, patch_size=32)
    for part, model in (
        ("text", flax_class("FlaxBertModel")(bert)),
        ("vision", flax_class("FlaxViTModel")(vit)),
    ):
        model.save_pretrained(tmp_path / part)
    statistics = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (tmp_path / "vision" / "preprocessor_config.json").write_text(json.dumps(statistics))
    found = umre.get_config("paper")
    found.text.pretrained = str(tmp_path / "text")
    found.vision.pretrained = str(tmp_path / "vision")
    return found


def test_shapes_are_those_of_the_model_and_need_no_checkpoint(config, tmp_path):
    sizes = {"relations": 5, "vocabulary": len(words_tokenizer())}
    model = build.remote(config, **sizes, rngs=nnx.Rngs(0))
    encoders.save_settings(config, tmp_path / "kept")
    for part in ("text", "vision"):
        shutil.rmtree(tmp_path / part)
    again = build.shapes(config, tmp_path / "kept", **sizes)
    (skeleton, params), (found, shapes) = split(model), split(again)
    assert {name: (x.shape, x.dtype) for name, x in shapes.items()} == {
        name: (x.shape, x.dtype) for name, x in params.items()
    }
    assert shapes["text/bert/words/embedding"].shape[0] == sizes["vocabulary"]
    assert found.graph == skeleton.graph
    assert again.vision.mean == model.vision.mean == (0.1, 0.2, 0.3)


def test_settings_that_were_not_kept_are_missed(config, tmp_path):
    with pytest.raises(UserError, match=r"kept.*cannot be read"):
        build.shapes(config, tmp_path / "kept", relations=5, vocabulary=300)
