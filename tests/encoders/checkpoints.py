"""Loading, changing and comparing the tiny checkpoints of conftest.py."""

import json
from pathlib import Path

import numpy as np
from flax import nnx
from safetensors.numpy import load_file, save_file

from remote_jax.encoders import pretrained

SINGLE, INDEX, PACKED = "model.safetensors", "model.safetensors.index.json", "flax_model.msgpack"
WORDS = "embeddings.word_embeddings.weight"


def load(folder, **settings):
    return pretrained.load_bert(folder, rngs=nnx.Rngs(0), **settings)


def parameters(model):
    return {path: np.asarray(value[...]) for path, value in nnx.to_flat_state(nnx.state(model))}


def assert_same(model, other):
    ours, theirs = parameters(model), parameters(other)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        np.testing.assert_array_equal(value, theirs[path], err_msg=str(path))


def rewrite(folder: Path, change) -> None:
    """Saves the tensors again as `change` makes them of the old ones."""
    tensors = {name: np.array(value) for name, value in load_file(folder / SINGLE).items()}
    save_file(change(tensors), folder / SINGLE)


def configure(folder: Path, **settings) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
