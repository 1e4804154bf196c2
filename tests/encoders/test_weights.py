"""Files of weights: every kind, dtype and shard, and what is refused of them."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from checkpoints import INDEX, PACKED, SINGLE, WORDS, assert_same, load, parameters, rewrite
from safetensors.numpy import load_file, save_file

from remote_jax.errors import UserError


def test_flax_layout_in_safetensors(flax_bert, bert, packed):
    flax_bert(num_hidden_layers=2).model.save_pretrained(
        packed, params=flax_bert(num_hidden_layers=2).params, safe_serialization=True
    )
    (packed / PACKED).unlink()
    assert_same(load(bert), load(packed))


def split(folder: Path, index: dict[str, str]) -> None:
    """Cuts the checkpoint into shards, by the first letters of names."""
    tensors = load_file(folder / SINGLE)
    (folder / SINGLE).unlink()
    where = {name: next(s for p, s in index.items() if name.startswith(p)) for name in tensors}
    for shard in set(where.values()):
        part = {name: np.array(tensors[name]) for name in tensors if where[name] == shard}
        save_file(part, folder / Path(shard).name)
    (folder / INDEX).write_text(json.dumps({"weight_map": where}))


def test_shards(bert):
    expected = load(bert)
    split(bert, {"emb": "model-00001-of-00002.safetensors", "": "model-00002-of-00002.safetensors"})
    assert_same(load(bert), expected)


@pytest.mark.parametrize(("dtype", "digits"), [(np.float16, 1e-3), (ml_dtypes.bfloat16, 1e-2)])
def test_half_precision_becomes_float32(bert, dtype, digits):
    expected = parameters(load(bert))
    rewrite(bert, lambda tensors: {name: x.astype(dtype) for name, x in tensors.items()})
    for path, value in parameters(load(bert)).items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, expected[path], rtol=digits, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 5, 100, 2000, -1])
@pytest.mark.parametrize("file", [SINGLE, PACKED])
def test_truncated_files_are_refused(bert, packed, file, keep):
    folder = bert if file == SINGLE else packed
    (folder / file).write_bytes((folder / file).read_bytes()[:keep])
    with pytest.raises(UserError, match=rf"{file} is no complete"):
        load(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc7\x03\x01\x93\xc0\xc0",
        b"\x81\xbb__msgpack_chunked_array__\xc3",
        b"\xc1",
        b"not msgpack at all",
    ],
)
def test_malformed_msgpack_is_refused(packed, content):
    (packed / PACKED).write_bytes(content)
    with pytest.raises(UserError, match="no complete Flax checkpoint"):
        load(packed)


def test_pickles_are_never_opened(bert):
    (bert / SINGLE).rename(bert / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"neither model.safetensors nor flax_model.msgpack; pickl"):
        load(bert)


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", "a/b", "", "..", 3, None])
def test_shards_outside_the_folder_are_refused(bert, shard):
    (bert / SINGLE).unlink()
    (bert / INDEX).write_text(json.dumps({"weight_map": {WORDS: shard}}))
    with pytest.raises(UserError, match=r"index\.json names .*, expected safetensors beside it"):
        load(bert)


def test_a_missing_shard_is_refused(bert):
    (bert / SINGLE).unlink()
    (bert / INDEX).write_text(json.dumps({"weight_map": {WORDS: "gone.safetensors"}}))
    with pytest.raises(UserError, match=r"gone\.safetensors is no complete safetensors file"):
        load(bert)
