"""Checkpoints: both layouts, every prefix and file kind, and what is refused with which words."""

import fnmatch
import json
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import transformers
from flax import nnx
from flax.serialization import msgpack_serialize
from oracles import to_torch
from safetensors.numpy import load_file, save_file

from remote_jax.encoders import folder as hub
from remote_jax.encoders import pretrained
from remote_jax.errors import UserError


@pytest.fixture
def bert(flax_bert, tmp_path):
    """A folder with a tiny BERT as PyTorch saves it."""
    oracle = flax_bert(num_hidden_layers=2)
    oracle.model.config.save_pretrained(tmp_path)
    save_file(to_torch(oracle.params), tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def packed(flax_bert, tmp_path):
    """A folder with the same BERT as Flax saves it."""
    flax_bert(num_hidden_layers=2).save(tmp_path / "packed")
    return tmp_path / "packed"


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


SINGLE, INDEX, PACKED = "model.safetensors", "model.safetensors.index.json", "flax_model.msgpack"
WORDS = "embeddings.word_embeddings.weight"


def test_both_layouts_give_the_same(bert, packed):
    assert_same(load(bert), load(packed))


def test_flax_layout_in_safetensors(flax_bert, bert, packed):
    flax_bert(num_hidden_layers=2).model.save_pretrained(
        packed, params=flax_bert(num_hidden_layers=2).params, safe_serialization=True
    )
    (packed / PACKED).unlink()
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


def test_settings_are_those_of_the_checkpoint_or_the_call(bert):
    configure(bert, hidden_dropout_prob=0.25, layer_norm_eps=1e-6, hidden_act="gelu_pytorch_tanh")
    config = load(bert).config
    assert (config.dropout, config.attention_dropout) == (0.25, 0.1)
    assert (config.layer_norm_eps, config.activation) == (1e-6, "gelu_new")
    config = load(bert, dropout=0.5, attention_dropout=0).config
    assert (config.dropout, config.attention_dropout) == (0.5, 0)


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


# ---------------------------------------------------------------------------------------- refused


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


# -------------------------------------------------------------------------------------------- hub


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    """A hub whose repositories are folders, and a list of the files it has handed out."""
    repositories, cache, asked = tmp_path / "hub", tmp_path / "cache", []
    cache.mkdir()

    def snapshot_download(name, allow_patterns):
        if not (repositories / name).is_dir():
            raise OSError(f"401 Client Error for {name}\nand a second line")
        for file in (repositories / name).iterdir():
            if any(fnmatch.fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copy(file, cache)
                asked.append(file.name)
        return str(cache)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    return repositories, asked


def test_hub_gives_safetensors_and_no_pickles(flax_bert, bert, fake_hub):
    repositories, asked = fake_hub
    flax_bert(num_hidden_layers=2).save(repositories / "someone" / "bert")
    shutil.copy(bert / SINGLE, repositories / "someone" / "bert")
    (repositories / "someone" / "bert" / "pytorch_model.bin").write_bytes(b"pickle")
    assert_same(load("someone/bert"), load(bert))
    assert sorted(asked) == ["config.json", SINGLE]


def test_hub_gives_msgpack_where_there_is_no_other(flax_bert, packed, fake_hub):
    repositories, asked = fake_hub
    flax_bert(num_hidden_layers=2).save(repositories / "bert")
    assert_same(load("bert"), load(packed))
    assert PACKED in asked


def test_unknown_names_are_refused(fake_hub):
    with pytest.raises(UserError, match="no such folder here, and the hub says: 401 Client Error"):
        load("someone/nothing")
    for path in ("./nothing", "a/b/c", "../up", "/nowhere", "~/x"):
        with pytest.raises(UserError, match=r"'.*': no such folder$"):
            load(path)
